import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRatesFile } from '../../lib/rates/file.ts';
import { readTrialTable } from '../../lib/rates/trial-table.ts';
import { parameterImportance } from '../../lib/search/importance.ts';
import type { Space } from '../../lib/search/space.ts';
import { openStorage } from '../../lib/search/storage/open.ts';
import type { Trial } from '../../lib/search/trial.ts';
import { jsonCli, runCli, startCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { tinyConfig, writeTinyBert } from '../helpers/tiny-bert.ts';
import { writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const data = join(work, 'glue');
const env = { LRDIST_CACHE: join(work, 'cache') };
const places = ['--model', model, '--data-dir', data, '--threads', '1'];
const search = ['search', ...places, '--tasks', 'sst2,cola', '--trials', '8'];
const storageOf = (name: string): string => join(work, `${name}.db`);

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(data, { train: 120 });
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, i) => {
      const words = [
        'the film was',
        i % 2 === 0 ? 'bad' : 'good',
        'abcd'[i % 4],
        ['very', 'and', 'not'][i % 3],
        'abcd'[(i >> 2) % 4],
      ];
      return `x\t${i % 2}\t\t${words.join(' ')} .\n`;
    }).join('');
  await mkdir(join(data, 'CoLA'));
  await writeFile(join(data, 'CoLA', 'train.tsv'), lines(100));
  await writeFile(join(data, 'CoLA', 'dev.tsv'), lines(20));
});

/** What a trial is and what came of it, without times. */
async function contentOf(path: string, name = 'sst2-cola'): Promise<unknown[]> {
  const storage = await openStorage(path);
  try {
    const stored = (await storage.findStudy(name))!;
    return (await storage.trials(stored.id)).map(
      ({ number, state, origin, parameters, values, reports, attributes }: Trial) => ({
        number,
        state,
        origin,
        parameters,
        values,
        reports,
        attributes,
      }),
    );
  } finally {
    await storage.close();
  }
}

interface Record {
  trials: { complete: number; pruned: number };
  best: { trial: number; values: { objective: number }; p_s: number; p_o: number };
  best_flat: { trial: number; values: { objective: number } };
}

test('a search: trials, files, and what the study commands make of it', async () => {
  const [storage, output] = [storageOf('whole'), join(work, 'whole')];
  const record = (await jsonCli(
    [
      ...search,
      '--storage',
      storage,
      '--output_dir',
      output,
      '--num_train_epochs',
      '2',
      '--pruner',
      'successive-halving:reduction=2',
    ],
    { env },
  )) as unknown as Record;
  assert.deepEqual(record.trials, { complete: 4, pruned: 4, failed: 0, running: 0, waiting: 0 });
  assert.equal(record.best.p_s + record.best.p_o > 0, true);
  assert.ok(record.best.values.objective >= record.best_flat.values.objective);
  assert.deepEqual(readdirSync(output).sort(), ['best.rates.json', 'search.json', 'trials.csv']);
  const written = JSON.parse(await readFile(join(output, 'search.json'), 'utf8')) as Record;
  assert.deepEqual(written.best, record.best);
  const table = await readTrialTable(join(output, 'trials.csv'));
  assert.equal(table.rows.length, 8);
  const rates = await readRatesFile(join(output, 'best.rates.json'));
  assert.equal(rates.provenance['trial'], record.best.trial);
  assert.deepEqual(
    rates.groups.map(({ name }) => name),
    ['embeddings', 'layer_0', 'layer_1', 'heads'],
  );

  const at = ['--storage', storage];
  const list = (await jsonCli(['study', 'list', ...at])) as { studies: { study: string }[] };
  assert.deepEqual(
    list.studies.map(({ study }) => study),
    ['sst2-cola'],
  );
  const shown = (await jsonCli(['study', 'show', ...at])) as { trials: unknown[] };
  assert.equal(shown.trials.length, 8);
  assert.match((await runCli(['study', 'show', ...at, '--top', '2'])).stdout, /^trial +what +state +objective/m);
  const { importance } = await jsonCli(['study', 'importance', ...at]);
  const dimensions = (record as unknown as { space: Space }).space;
  assert.deepEqual(importance, parameterImportance((await contentOf(storage)) as Trial[], dimensions, ['maximize']));
  const best = join(work, 'again.rates.json');
  assert.equal((await jsonCli(['study', 'best', ...at, '--output', best]))['trial'], record.best.trial);
  assert.deepEqual((await readRatesFile(best)).stages, rates.stages);
  const csv = join(work, 'again.csv');
  await jsonCli(['study', 'export', ...at, '--output', csv]);
  assert.equal(await readFile(csv, 'utf8'), await readFile(join(output, 'trials.csv'), 'utf8'));
  assert.equal((await runCli(['study', 'export', ...at, '--output', csv])).code, 2);
  const journal = join(work, 'study.log');
  await jsonCli(['study', 'export', ...at, '--output', journal]);
  const other = storageOf('imported');
  assert.equal((await jsonCli(['study', 'import', journal, '--storage', other, '--name', 'copy']))['trials'], 8);
  assert.equal((await runCli(['study', 'delete', '--storage', other, '--study', 'copy'])).code, 2);
  assert.equal((await jsonCli(['study', 'delete', '--storage', other, '--study', 'copy', '--yes']))['deleted'], true);
  assert.deepEqual((await jsonCli(['study', 'list', '--storage', other]))['studies'], []);

  const combined = join(work, 'c.rates.json');
  for (const input of [storage, `sst2-cola@${storage}`]) {
    const { code, stderr } = await runCli(['combine', input, '--output', combined, '--overwrite_output']);
    assert.equal(code, 0, stderr);
    const fromStudy = await readRatesFile(combined);
    await runCli(['combine', join(output, 'trials.csv'), '--output', combined, '--overwrite_output']);
    assert.deepEqual((await readRatesFile(combined)).stages, fromStudy.stages);
  }

  // A used folder and a used name are refused, and say what to do.
  const folder = await runCli([...search, '--storage', storageOf('other'), '--output_dir', output], { env });
  assert.equal(folder.code, 2);
  assert.match(folder.stderr, /--overwrite_output_dir/);
  const name = await runCli([...search, ...at, '--num_train_epochs', '2'], { env });
  assert.equal(name.code, 1);
  assert.match(name.stderr, /--resume[\s\S]*ERR_STUDY_EXISTS/);
  const space = await runCli([...search, ...at, '--num_train_epochs', '2', '--resume', '--rate_range', '1e-5:1e-3'], {
    env,
  });
  assert.equal(space.code, 1);
  assert.match(space.stderr, /lr_layer_0[\s\S]*ERR_PROTOCOL_MISMATCH/);
});

test('killed and resumed, in child processes or with workers, a lockstep study is the undisturbed one', async () => {
  const options = [
    '--num_train_epochs',
    '40',
    '--sampler',
    'tpe',
    '--pruner',
    'successive-halving:grace=10,reduction=2',
  ];
  await jsonCli([...search, ...options, '--storage', storageOf('undisturbed')], { env });
  const wanted = await contentOf(storageOf('undisturbed'));
  assert.equal(wanted.length, 8);

  const killed = storageOf('killed');
  const first = startCli([...search, ...options, '--storage', killed, '--lease', '1'], { env });
  await untilReported(killed, 1);
  first.child.kill('SIGKILL');
  await first.result;
  assert.notDeepEqual(await contentOf(killed), wanted);
  await jsonCli([...search, ...options, '--storage', killed, '--lease', '1', '--resume'], { env });
  assert.deepEqual(await contentOf(killed), wanted);

  const joined = storageOf('joined');
  const begun = await jsonCli([...search, ...options, '--storage', joined, '--launcher', 'none'], { env });
  assert.match(JSON.stringify(begun), /lrdist worker --study sst2-cola --trials 8/);
  const worker = ['worker', '--storage', joined, ...places, '--trials', '8', '--lease', '1'];
  const released = startCli(worker, { env });
  await untilReported(joined, 1);
  released.child.kill('SIGUSR1');
  const { code, stderr } = await released.result;
  assert.equal(code, 0, stderr);
  await jsonCli([...worker, '--processes', '1'], { env });
  assert.deepEqual(await contentOf(joined), wanted);

  const stopped = storageOf('stopped');
  const interrupted = startCli([...search, ...options, '--storage', stopped], { env });
  await untilReported(stopped, 1);
  interrupted.child.kill('SIGINT');
  const end = await interrupted.result;
  assert.equal(end.code, 130, end.stderr);
  assert.match(end.stderr, /Go on with\n {2}lrdist search --tasks sst2,cola --trials 8 .*--resume/);
  const states = (await contentOf(stopped)) as { state: string }[];
  assert.ok(states.every(({ state }) => state !== 'running'));
});

/** Until some trial of the study was scored, so that it is in the midst of things. */
async function untilReported(path: string, least: number): Promise<void> {
  for (const end = Date.now() + 60_000; ; await sleep(20)) {
    if (Date.now() > end) throw new Error(`nothing happens in ${path}`);
    if (!existsSync(path)) continue;
    const trials = (await contentOf(path).catch(() => [])) as { reports: unknown[] }[];
    if (trials.filter(({ reports }) => reports.length > 0).length >= least) return;
  }
}

test('several pairs, one after the other; the dimensions beside the rates; the published search', async () => {
  const storage = storageOf('pairs');
  const output = join(work, 'pairs');
  const record = (await jsonCli(
    [
      ...[
        'search',
        ...places,
        '--pairs',
        'sst2,cola;cola,sst2',
        '--study',
        'both',
        '--trials',
        '5',
        '--storage',
        storage,
      ],
      ...[
        '--search_epochs',
        '1:2',
        '--search_weight_decay',
        '0:0.1',
        '--search_warmup_ratio',
        '0:0.3',
        '--penalty',
        'l2-sp',
        '--search_penalty',
        '1e-3:1',
      ],
      ...['--known', 'false', '--sampler', 'random', '--async', '--output_dir', output, '--objective', 'pareto'],
    ],
    { env },
  )) as { studies: { study: string; trials: { complete: number } }[] };
  assert.deepEqual(
    record.studies.map(({ study, trials }) => [study, trials.complete]),
    [
      ['both/sst2-cola', 5],
      ['both/cola-sst2', 5],
    ],
  );
  assert.deepEqual(readdirSync(output).sort(), ['cola-sst2', 'sst2-cola']);
  const trials = (await contentOf(storage, 'both/cola-sst2')) as { parameters: { [name: string]: number } }[];
  const epochs = new Set(trials.map(({ parameters }) => parameters['num_train_epochs']));
  assert.ok([...epochs].every((each) => each === 1 || each === 2));
  assert.ok(
    trials.every(({ parameters }) => ['weight_decay', 'warmup_ratio', 'penalty'].every((name) => name in parameters)),
  );

  const paper = storageOf('paper');
  await jsonCli(
    [
      ...search,
      '--sampler',
      'paper',
      '--protocol',
      'paper',
      '--num_train_epochs',
      '2',
      '--storage',
      paper,
      '--study',
      'p',
    ],
    { env },
  );
  const tried = (await contentOf(paper, 'p')) as {
    origin: string;
    parameters: { [name: string]: number };
    state: string;
  }[];
  assert.deepEqual([tried[0]!.origin, tried[1]!.origin], ['enqueued', 'sampled']);
  assert.ok(Object.values(tried[0]!.parameters).every((rate) => Math.abs(rate - 1e-5) < 1e-12));
  assert.ok(tried.some(({ state }) => state === 'pruned'));
});

test('--finalists: the best under other seeds, paired with the best flat rate', async () => {
  const output = join(work, 'finals');
  const options = ['--num_train_epochs', '20', '--known', '--sampler', 'random'];
  const record = (await jsonCli(
    [
      ...search,
      ...options,
      '--storage',
      storageOf('finals'),
      '--output_dir',
      output,
      '--finalists',
      '3',
      '--finalist_seeds',
      '2',
    ],
    { env },
  )) as unknown as Record & {
    finals: {
      reference: number;
      repeated: { trial: number; scores: { [seed: string]: number } }[];
      choice: { best?: { trial: number }; ranking: { trial: number; difference: number }[] };
    };
    chosen: { trial: number };
  };
  const { finals } = record;
  assert.equal(finals.reference, record.best_flat.trial);
  const flat = finals.repeated.find(({ trial }) => trial === finals.reference)!;
  assert.deepEqual(Object.keys(flat.scores), ['43', '44']);
  for (const { trial, difference } of finals.choice.ranking) {
    const { scores } = finals.repeated.find((each) => each.trial === trial)!;
    const wanted = (scores['43']! - flat.scores['43']! + scores['44']! - flat.scores['44']!) / 2;
    assert.ok(Math.abs(difference - wanted) < 1e-12);
  }
  assert.equal(record.chosen.trial, finals.choice.best?.trial ?? record.best.trial);
  assert.equal((await readRatesFile(join(output, 'best.rates.json'))).provenance['trial'], record.chosen.trial);

  // The same trial in a search under that seed.
  await jsonCli([...search, ...options, '--storage', storageOf('seed43'), '--seed', '43'], { env });
  const other = (await contentOf(storageOf('seed43'))) as { values: number[] }[];
  assert.equal(other[finals.reference]!.values[0], flat.scores['43']);

  const text = await runCli([...search, ...options, '--storage', storageOf('finals'), '--resume', '--finalists', '2'], {
    env,
  });
  assert.match(text.stdout, /Finalists under seeds 43, 44, 45, less the best flat rate/);
});

test('--transfer begins with the best of another pair, and a worker goes on with the same', async () => {
  const first = storageOf('transfer');
  const source = await runCli([...search, '--storage', first], { env });
  assert.equal(source.code, 0, source.stderr);
  const other = [
    'search',
    ...places,
    '--tasks',
    'cola,sst2',
    '--no-known',
    '--transfer',
    'sst2-cola',
    '--sampler',
    'random',
  ];
  const copies = ['transfer-a', 'transfer-b'].map(storageOf);
  for (const copy of copies) await cp(first, copy);
  const [whole, parts] = copies as [string, string];
  const done = await runCli([...other, '--trials', '8', '--trials_per_batch', '4', '--storage', whole], { env });
  assert.equal(done.code, 0, done.stderr);
  const trials = (await contentOf(whole, 'cola-sst2')) as { parameters: object; attributes: object }[];
  const best = ((await contentOf(whole)) as { state: string; values: number[]; parameters: object }[])
    .filter(({ state }) => state === 'complete')
    .sort((a, b) => b.values[0]! - a.values[0]!)[0]!;
  assert.deepEqual(trials[0]!.parameters, best.parameters);
  // The same in two parts, the second by a worker.
  const begun = await runCli([...other, '--trials', '4', '--trials_per_batch', '4', '--storage', parts], { env });
  assert.equal(begun.code, 0, begun.stderr);
  const joined = await runCli(['worker', ...places, '--study', 'cola-sst2', '--trials', '8', '--storage', parts], {
    env,
  });
  assert.equal(joined.code, 0, joined.stderr);
  assert.deepEqual(await contentOf(parts, 'cola-sst2'), trials);
  const missing = await runCli([...search, '--study', 'x', '--transfer', 'nobody', '--storage', first], { env });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /there is no study "nobody"/);
});

test('--dry_run says what would run and makes nothing', async () => {
  const storage = storageOf('dry');
  const plan = (await jsonCli([...search, '--storage', storage, '--dry_run', '--processes', '2'], { env })) as {
    estimated_seconds: number;
    batches: number;
    known: string[];
    space: object;
  };
  assert.ok(plan.estimated_seconds > 0);
  assert.equal(plan.batches, 2);
  assert.equal(plan.known[0], 'flat@1e-5');
  assert.deepEqual(Object.keys(plan.space), ['lr_embeddings', 'lr_layer_0', 'lr_layer_1', 'lr_heads']);
  assert.equal(existsSync(storage), false);
  const text = await runCli([...search, '--dry_run'], { env });
  assert.match(text.stdout, /8 trials in 2 batches of 4 side by side\nabout /);
});

test('--launcher slurm --print: the script of workers', async () => {
  const { code, stdout } = await runCli(
    [
      ...search,
      '--storage',
      storageOf('slurm'),
      '--launcher',
      'slurm',
      '--print',
      '--workers',
      '4',
      '--slurm',
      'partition=cpu',
    ],
    { env },
  );
  assert.equal(code, 0);
  assert.match(stdout, /^#!\/bin\/bash\n/);
  assert.match(stdout, /^#SBATCH --array=0-3$/m);
  assert.match(stdout, /^#SBATCH --partition=cpu$/m);
  assert.match(stdout, /cli\.js worker --study sst2-cola --trials 8 /);
  assert.equal(existsSync(storageOf('slurm')), false);
});

test('what cannot be is refused with code and remedy', async () => {
  const cases: readonly (readonly [args: readonly string[], code: number, message: RegExp])[] = [
    [['--trials', '0'], 2, /--trials: expected a whole number from 1/],
    [['--trials', 'NaN'], 2, /--trials: expected a number/],
    [['--rate_range', '1e-3:1e-6'], 2, /LOW <= HIGH/],
    [['--rate_range', '0:1e-3'], 2, /above 0/],
    [['--range', 'lr_hed=1e-5:1e-3'], 2, /no dimension "lr_hed"/],
    [['--sampler', 'tpee'], 2, /Did you mean tpe\?/],
    [['--pruner', 'hyperband:reduction=1'], 2, /reduction/],
    [['--objective', 'sums'], 2, /objective: expected/],
    [['--penalty', 'replay'], 2, /cannot be searched with/],
    [['--pairs', 'a,b'], 2, /both given/],
    [['--num_train_epochs', '1.5'], 2, /whole epochs/],
    [['--mode', 'paper', '--first_rates', '1e-5'], 2, /keep mode/],
    [['--workers', '2'], 2, /--launcher slurm and none/],
    [['--print'], 2, /--launcher slurm/],
    [['--finalist_seeds', '3'], 2, /--finalists is missing/],
    [['--finalists', '2', '--objective', 'pareto'], 2, /one value/],
    [['--storage', 'mysql://x'], 2, /no known form/],
    [['--storage', join(work, 'none', 'x.db')], 1, /there is no folder/],
    [['--data-dir', join(work, 'nothing')], 1, /ERR_DATA_NOT_FOUND/],
  ];
  for (const [args, code, message] of cases) {
    const storage = args.includes('--storage') ? [] : ['--storage', storageOf('refused')];
    const ran = await runCli([...search, ...storage, ...args], { env });
    assert.equal(ran.code, code, `${args.join(' ')}: ${ran.stderr}`);
    assert.match(ran.stderr, message);
  }
  const studies = existsSync(storageOf('refused'))
    ? (await jsonCli(['study', 'list', '--storage', storageOf('refused')]))['studies']
    : [];
  assert.deepEqual(studies, []);

  const missing = await runCli(['worker', '--storage', join(work, 'no.db'), ...places, '--trials', '8']);
  assert.match(missing.stderr, /there is no file .*no\.db[\s\S]*ERR_STUDY_NOT_FOUND/);
  assert.equal(existsSync(join(work, 'no.db')), false);
  assert.match(
    (await runCli(['study', 'list', '--top', '3', '--storage', storageOf('pairs')])).stderr,
    /takes no --top/,
  );
});

test('a worker with another model or other data is refused, with what differs', async () => {
  const other = join(work, 'other');
  await cp(model, other, { recursive: true });
  await writeFile(join(other, 'config.json'), JSON.stringify(tinyConfig({ dropout: 0.2 })));
  const refused = await runCli(
    ['worker', '--storage', storageOf('whole'), '--trials', '9', '--model', other, '--data-dir', data],
    { env },
  );
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /protocol\.model: was[\s\S]*ERR_PROTOCOL_MISMATCH/);
  const unlike = join(work, 'unlike');
  await cp(data, unlike, { recursive: true });
  await writeTinyGlue(unlike, { train: 121 });
  const rows = await runCli(
    ['worker', '--storage', storageOf('whole'), '--trials', '9', '--model', model, '--data-dir', unlike],
    { env },
  );
  assert.equal(rows.code, 1);
  assert.match(rows.stderr, /protocol\.data: was[\s\S]*ERR_PROTOCOL_MISMATCH/);
  assert.equal((await contentOf(storageOf('whole'))).length, 8);
});

test('trials whose loss stops being finite have failed, and the search goes on', async () => {
  const storage = storageOf('nan');
  const record = (await jsonCli(
    [
      ...[
        ...search,
        '--storage',
        storage,
        '--num_train_epochs',
        '3',
        '--no_known',
        '--sampler',
        'random',
        '--trials',
        '4',
      ],
      ...['--range', 'lr_heads=0.9:1', '--search_weight_decay', '0:1e30'],
    ],
    { env },
  )) as unknown as { trials: { failed: number; complete: number }; best: unknown };
  assert.equal(record.trials.failed + record.trials.complete, 4);
  assert.ok(record.trials.failed > 0);
  assert.match((await runCli(['study', 'show', '--storage', storage])).stdout, /the loss stopped being finite/);
});
