import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { relativeOfEach, relativeOfTensor, worstOf } from '../../../scripts/gpu-check/differences.ts';
import { closure, isNeeded } from '../../../scripts/gpu-check/pack-list.ts';
import { type Machine, obstacle, planOf } from '../../../scripts/gpu-check/plan.ts';
import { runSteps } from '../../../scripts/gpu-check/run-steps.ts';
import { parseSettings, partNames } from '../../../scripts/gpu-check/settings.ts';
import { severalLists } from '../../../scripts/gpu-check/several-lists.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const machine: Machine = {
  node: '/bin/node',
  root: '/repo',
  sanitizer: '/cuda/bin/compute-sanitizer',
  libtorch: undefined,
  ninja: false,
  tests: ['test/native/a.test.ts'],
  cores: 4,
};
const settings = (...argv: string[]) => parseSettings(argv, '/tmp/out');
const commands = (argv: string[], here = machine) =>
  planOf(settings(...argv), here).map(({ command }) => command.join(' '));

test('all parts in their order, or those that were chosen', () => {
  assert.deepEqual(settings().parts, partNames);
  assert.deepEqual(settings('--parts', 'bench, build').parts, ['build', 'bench']);
  assert.deepEqual(settings('--device', 'emulated').parts, ['build', 'kernels', 'tests', 'parity', 'several']);
  assert.deepEqual(settings('--', '--rounds', '1').benchOptions, ['--rounds', '1']);
  for (const argv of [
    ['--parts', 'all'],
    ['--device', 'cpu'],
    ['--device', 'cuda:x'],
    ['--cases', 'step'],
    ['--limit', '0'],
    ['--limit', 'ten'],
    ['--what'],
    ['word'],
  ])
    assert.throws(() => settings(...argv));
});

test('the commands', () => {
  const all = commands([]);
  for (const tool of ['memcheck', 'racecheck', 'initcheck', 'synccheck'])
    assert.ok(
      all.includes(
        `/cuda/bin/compute-sanitizer --tool ${tool} --error-exitcode 99 /repo/native/build/kernel-check --kernels --device cuda`,
      ),
      tool,
    );
  assert.ok(all.includes('/repo/native/build/kernel-check --device cuda'));
  const [tests] = planOf(settings('--parts', 'tests', '--device', 'cuda:1'), machine);
  assert.deepEqual(tests!.environment, { LRDIST_TEST_DEVICE: 'cuda:1' });
  assert.ok(tests!.command.includes('test/native/a.test.ts'));
  assert.deepEqual(
    commands(['--parts', 'bench', '--cases', 'gpu-syncs', '--no-results', '--', '--models', 'bert-tiny']),
    ['/bin/node /repo/bench/index.ts gpu-syncs --device cuda --dry-run --models bert-tiny'],
  );
  const files = [
    'test/native/a.test.ts',
    'test/native/fit.test.ts',
    'test/parity/b.test.ts',
    'test/parity/emulated.test.ts',
  ];
  assert.deepEqual(commands(['--parts', 'several', '--no-results'], { ...machine, tests: files }), [
    '/bin/node /repo/scripts/gpu-check/several.ts --device cuda --no-results test/native/fit.test.ts test/parity/b.test.ts',
  ]);
  // Only BERT-base's shape needs no weights.
  assert.match(commands(['--parts', 'bench', '--cases', 'event-loop'])[0]!, /--models bert-base/);
  // Without npm CMake builds by itself.
  assert.match(commands(['--parts', 'build'])[0]!, /prepare\.mjs$/);
  assert.equal(
    commands(['--parts', 'build'], { ...machine, libtorch: '/torch' })[0],
    'cmake -S /repo -B /repo/native/build -DLIBTORCH=/torch',
  );
  assert.match(
    commands(['--parts', 'build'], { ...machine, libtorch: '/torch', ninja: true })[0]!,
    /^cmake -G Ninja -S /,
  );
});

test('several devices: two of them, and all', () => {
  assert.equal(severalLists('cuda', ['cuda:0']), 'skipped, one GPU');
  assert.equal(severalLists('cuda:1', ['cuda:0', 'cuda:1']), 'skipped, the check is of cuda:1 alone');
  assert.deepEqual(severalLists('cuda', ['cuda:0', 'cuda:1']), ['cuda:0,cuda:1']);
  assert.deepEqual(severalLists('cuda', ['cuda:0', 'cuda:1', 'cuda:2']), ['cuda:0,cuda:1', 'cuda:0,cuda:1,cuda:2']);
  assert.deepEqual(severalLists('emulated', []), ['emulated,emulated']);
});

test('what is missing is said before anything begins', () => {
  const [gpu, none] = [
    { gpu: true, sanitizer: true },
    { gpu: false, sanitizer: false },
  ];
  assert.equal(obstacle(settings(), gpu), undefined);
  assert.match(obstacle(settings(), none)!, /no NVIDIA GPU here .*--pack FILE.*--device emulated/s);
  assert.equal(obstacle(settings('--device', 'emulated'), none), undefined);
  assert.match(obstacle(settings(), { gpu: true, sanitizer: false })!, /compute-sanitizer is not on the PATH/);
  assert.equal(obstacle(settings('--parts', 'build'), { gpu: true, sanitizer: false }), undefined);
  const python = 'python3 has no torch to build against';
  assert.match(obstacle(settings(), { ...none, python })!, /no NVIDIA GPU here/);
  for (const argv of [[], ['--device', 'emulated']])
    assert.equal(obstacle(settings(...argv), { gpu: argv.length === 0, sanitizer: true, python }), python);
  assert.equal(obstacle(settings('--parts', 'parity'), { ...gpu, python }), undefined);
});

test('steps run with a log each; after a failed build nothing does', async () => {
  const out = mkdtempSync(join(temporaryFolder(), 'out-'));
  const said: string[] = [];
  const step = (part: 'build' | 'tests', name: string, script: string, needed?: true) => ({
    ...{ part, name, command: [process.execPath, '-e', script] as const, environment: { WORD: 'told' } },
    ...(needed && { needed }),
  });
  const run = (...steps: ReturnType<typeof step>[]) =>
    runSteps(steps, { root: out, out, say: (line) => said.push(line) });
  const outcomes = await run(
    step('tests', 'one', 'console.log(process.env.WORD)'),
    step('tests', 'two', 'console.error("broken"); process.exit(3)'),
    step('tests', 'three', ''),
  );
  assert.deepEqual(
    outcomes.map(({ code }) => code),
    [0, 3, 0],
  );
  assert.equal(readFileSync(join(out, 'tests-one.log'), 'utf8'), 'told\n');
  assert.equal(outcomes[1]!.tail, 'broken');
  assert.match(said.join('\n'), /tests two: FAILED with 3.*\n {2}\| broken/);
  said.length = 0;
  const [left] = await run(step('tests', 'four', 'console.log("skipped, one GPU")'));
  assert.equal(left!.skipped, 'skipped, one GPU');
  assert.match(said.join('\n'), /tests four: skipped, one GPU \(/);
  assert.ok(outcomes.every(({ skipped }) => skipped === undefined));
  const [, after] = await run(step('build', 'addon', 'process.exit(1)', true), step('tests', 'never', ''));
  assert.equal(after!.code, null);
  const [absent] = await runSteps([{ part: 'tests', name: 'absent', command: ['/no/such/program'] }], {
    root: out,
    out,
    say: () => {},
  });
  assert.equal(absent!.code, 127);
});

test('when the time is up a step ends with all that it started, and the rest is left out', async () => {
  const out = mkdtempSync(join(temporaryFolder(), 'out-'));
  const children = `const { spawn } = require('node:child_process');
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
    console.log('begun');`;
  const step = (name: string, script: string) =>
    ({ part: 'tests', name, command: [process.execPath, '-e', script] }) as const;
  const reported: number[] = [];
  const began = performance.now();
  const outcomes = await runSteps([step('quick', ''), step('endless', children), step('never', '')], {
    ...{ root: out, out, say: () => {}, limit: 2 },
    report: (soFar) => reported.push(soFar.length),
  });
  assert.deepEqual(
    outcomes.map(({ code }) => code),
    [0, 124, null],
  );
  assert.match(outcomes[1]!.tail, /begun\nstopped: the time is up/);
  assert.match(outcomes[2]!.tail, /the time is up/);
  assert.deepEqual(reported, [1, 2, 3]);
  // The grandchild held the pipe: had it lived on, the step would not have ended.
  assert.ok(performance.now() - began < 20_000);
});

test('differences', () => {
  const [a, b] = [Float32Array.of(1, 2, 0), Float32Array.of(1, 2.5, 0)];
  assert.ok(Math.abs(relativeOfEach(a, b) - 0.2) < 1e-6);
  assert.ok(Math.abs(relativeOfTensor(Float32Array.of(0.01, 2.5), Float32Array.of(0, 2.5)) - 0.004) < 1e-6);
  for (const relative of [relativeOfEach, relativeOfTensor]) {
    assert.equal(relative(a, a), 0);
    assert.ok(Number.isNaN(relative(a, Float32Array.of(1, NaN, 0))));
    assert.ok(Number.isNaN(relative(Float32Array.of(Infinity, 0, 0), a)));
  }
  assert.deepEqual(worstOf([['x', 1] as const, ['y', NaN] as const]).name, 'y');
  assert.deepEqual(worstOf([['x', 1] as const, ['y', 3] as const, ['z', 2] as const]), { name: 'y', value: 3 });
});

test('what an archive holds of node_modules', () => {
  const modules = join(import.meta.dirname, '..', '..', '..', 'node_modules');
  const names = closure(modules);
  for (const name of ['zod', 'tokenizers', 'node-addon-api', 'fast-check', 'pure-rand'])
    assert.ok(names.includes(name), name);
  for (const name of ['typescript', 'eslint', 'cmake-js']) assert.ok(!names.includes(name), name);
  for (const [path, needed] of [
    ['tokenizers/tokenizers.linux-x64-gnu.node', true],
    ['tokenizers/tokenizers.darwin-arm64.node', false],
    ['tokenizers/index.js', true],
    ['node-addon-api/napi.h', true],
    ['node-addon-api/test/x.cc', false],
    ['zod/v4/core/api.js', true],
    ['zod/v4/core/api.d.ts', false],
    ['zod/src/v4/x.ts', false],
    ['better-sqlite3/deps/sqlite3/sqlite3.c', false],
  ] as const)
    assert.equal(isNeeded(path), needed, path);
});
