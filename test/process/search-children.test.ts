import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BatchContext, Job } from '../../lib/search/executor.ts';
import { childProcessExecutor, type ChildProcessOptions } from '../../lib/search/executors/child-process.ts';
import type { Json } from '../../lib/search/trial.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

const module = new URL('./fixtures/jobs.ts', import.meta.url);
const folder = temporaryFolder();
let files = 0;
const newFile = () => join(folder, String(files++));

function jobsOf(count: number, way: string): Job[] {
  return Array.from({ length: count }, (_, trial) => ({ trial, attempt: 1, parameters: { x: trial, way } }));
}

function contextOf(signal = new AbortController().signal) {
  const events: Json[] = [];
  const context: BatchContext = {
    signal,
    rungs: [1],
    maxStep: 2,
    progress: (event) => events.push(event),
    report: async (_, reports) => reports.map(({ job }) => job),
  };
  return { context, events };
}

async function run(way: string, count: number, options: Partial<ChildProcessOptions> = {}) {
  const log = newFile();
  const executor = childProcessExecutor({
    module,
    batchSize: count,
    grace: 500,
    ...options,
    options: { log, once: newFile(), ...(options.options as object) },
  });
  const { context, events } = contextOf();
  try {
    const results = await executor.run(jobsOf(count, way), context);
    return { results, events, starts: startsIn(log), executor };
  } finally {
    await executor.dispose();
  }
}

function startsIn(log: string): { pid: number; device: string; trials: string }[] {
  if (!existsSync(log)) return [];
  return readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, device, ...trials] = line.split(' ');
      return { pid: Number(pid), device: device!, trials: trials.join(' ') };
    });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function untilGone(pids: readonly number[]): Promise<void> {
  for (let i = 0; i < 200 && pids.some(isAlive); i++) await sleep(25);
  assert.deepEqual(pids.filter(isAlive), []);
}

test('a child that is killed once costs its batch one more run, as it was', async () => {
  const { results, starts, events } = await run('kill once', 3);
  assert.deepEqual(
    results.map(({ state }) => state),
    ['complete', 'complete', 'complete'],
  );
  assert.deepEqual(
    starts.map(({ trials }) => trials),
    ['0 1 2', '0 1 2'],
  );
  assert.match(JSON.stringify(results[0]?.attributes?.crashes), /ended by SIGKILL/);
  assert.equal((events[0] as { next: number }).next, 3);
});

test('a crash that comes again is tried in halves down to one trial, which then has failed with the last words', async () => {
  const { results, starts } = await run('exit', 3, { retries: 0 });
  assert.deepEqual(
    starts.map(({ trials }) => trials),
    ['0 1 2', '0 1', '0', '1', '2'],
  );
  for (const result of results) {
    assert.ok(result.state === 'failed');
    assert.match(result.error, /ended with code 3: .*the last words/s);
  }
});

test('when memory runs out the batch is halved at once, and later batches are as small', async () => {
  const log = newFile();
  const executor = childProcessExecutor({ module, batchSize: 4, retries: 3, options: { log, most: 2 } });
  const { context } = contextOf();
  for (let i = 0; i < 2; i++) {
    const results = await executor.run(jobsOf(4, 'memory'), context);
    assert.ok(results.every(({ state }) => state === 'complete'));
  }
  await executor.dispose();
  assert.deepEqual(
    startsIn(log).map(({ trials }) => trials),
    ['0 1 2 3', '0 1', '2 3', '0 1', '2 3'],
  );
  const { results } = await run('memory', 1, { options: { most: 0 } });
  assert.ok(results[0]?.state === 'failed');
  assert.match(results[0].error, /ERR_OUT_OF_MEMORY: no room for 1/);
});

test('a lost device: a new process runs the batch again, as it was', async () => {
  const { results, starts, events } = await run('lose once', 3);
  assert.deepEqual(
    results.map(({ state }) => state),
    ['complete', 'complete', 'complete'],
  );
  assert.deepEqual(
    starts.map(({ trials }) => trials),
    ['0 1 2', '0 1 2'],
  );
  assert.notEqual(starts[0]!.pid, starts[1]!.pid);
  assert.match(JSON.stringify(results[0]?.attributes?.crashes), /ERR_DEVICE_LOST: the GPU has fallen off the bus/);
  assert.deepEqual(events[0], {
    type: 'crash',
    trials: [0, 1, 2],
    error: 'ERR_DEVICE_LOST: the GPU has fallen off the bus',
    outOfMemory: false,
    next: 3,
  });
});

test('a device that stays away is given up, and its batch goes to another', async () => {
  const log = newFile();
  const slots = [{ DEVICE: 'bad' }, { DEVICE: 'good' }];
  const executor = childProcessExecutor({ module, slots, grace: 500, options: { log, once: newFile(), pause: 30 } });
  const { context, events } = contextOf();
  // The third waits for a place, and gets the one that is left.
  const all = await Promise.all([0, 1, 2].map(() => executor.run(jobsOf(1, 'lose'), context)));
  assert.ok(all.flat().every(({ state }) => state === 'complete'));
  const note = events.find((event) => (event as { type?: string }).type === 'note') as { note: string };
  assert.equal(note.note, 'a child process has no device: there is no GPU; 1 of 2 go on');
  assert.deepEqual(
    startsIn(log)
      .map(({ device }) => device)
      .sort(),
    ['bad', 'good', 'good', 'good'],
  );
  await executor.dispose();
});

test('with the last device gone, all that wait are told', async () => {
  const log = newFile();
  const executor = childProcessExecutor({
    module,
    slots: [{ DEVICE: 'bad' }],
    grace: 500,
    options: { log, once: newFile() },
  });
  const { context } = contextOf();
  const all = await Promise.allSettled([0, 1].map(() => executor.run(jobsOf(1, 'lose'), context)));
  for (const outcome of all) {
    assert.ok(outcome.status === 'rejected');
    assert.equal((outcome.reason as { code: string }).code, 'ERR_DEVICE_UNAVAILABLE');
  }
  assert.deepEqual(
    startsIn(log).map(({ device }) => device),
    ['bad'],
  );
  await assert.rejects(executor.run(jobsOf(1, 'fine'), context), { code: 'ERR_DEVICE_UNAVAILABLE' });
  await executor.dispose();
});

test('an objective that throws fails its trials and keeps its process', async () => {
  const log = newFile();
  const executor = childProcessExecutor({ module, options: { log } });
  for (const way of ['throw', 'fine']) await executor.run(jobsOf(1, way), contextOf().context);
  await executor.dispose();
  assert.equal(new Set(startsIn(log).map(({ pid }) => pid)).size, 1);
});

test('a child that says what is no message is ended', async () => {
  const { results } = await run('send', 1, { retries: 0 });
  assert.ok(results[0]?.state === 'failed');
  assert.match(results[0].error, /a message that is none/);
});

test('every slot has a child of its own, with its environment', async () => {
  const log = newFile();
  const slots = [{ DEVICE: 'a' }, { DEVICE: 'b' }];
  const executor = childProcessExecutor({ module, slots, options: { log, pause: 30 } });
  assert.equal(executor.parallel, 2);
  for (let i = 0; i < 2; i++) await Promise.all([0, 1].map(() => executor.run(jobsOf(1, 'fine'), contextOf().context)));
  await executor.dispose();
  const starts = startsIn(log);
  assert.deepEqual(starts.map(({ device }) => device).sort(), ['a', 'a', 'b', 'b']);
  assert.equal(new Set(starts.map(({ pid, device }) => `${pid} ${device}`)).size, 2);
  await untilGone(starts.map(({ pid }) => pid));
});

for (const [way, what] of [
  ['fine', 'stops when asked'],
  ['deaf', 'takes no notice'],
  ['block', 'hangs in its own loop'],
] as const)
  test(`an abort while the child ${what}`, async () => {
    const log = newFile();
    const executor = childProcessExecutor({
      module,
      grace: 300,
      options: { log, pause: way === 'block' ? 1 : 100_000 },
    });
    const controller = new AbortController();
    const running = executor.run(jobsOf(1, way), contextOf(controller.signal).context);
    running.catch(() => undefined);
    while (startsIn(log).length === 0) await sleep(20);
    await sleep(30);
    const reason = new Error('enough');
    const before = Date.now();
    controller.abort(reason);
    await assert.rejects(running, (error) => error === reason);
    assert.ok(Date.now() - before < 3000);
    const [{ pid } = { pid: 0 }] = startsIn(log);
    assert.equal(isAlive(pid), way === 'fine');
    const next = { trial: 1, attempt: 1, parameters: { x: 1, way: 'fine', pause: 1 } };
    assert.equal((await executor.run([next], contextOf().context))[0]?.state, 'complete');
    assert.equal(startsIn(log)[1]?.pid === pid, way === 'fine');
    await executor.dispose();
    await untilGone([pid]);
  });

test('a job module that cannot be used is an error of the search, not of the trials', async () => {
  for (const [path, message] of [
    ['./fixtures/no-jobs.ts', /exports no function createObjective/],
    ['./fixtures/not-there.ts', /Cannot find module/],
  ] as const) {
    const executor = childProcessExecutor({ module: new URL(path, import.meta.url), grace: 300 });
    await assert.rejects(executor.run(jobsOf(1, 'fine'), contextOf().context), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_EXECUTOR');
      assert.match(error.message, message);
      return true;
    });
    await executor.dispose();
  }
  const hopeless = childProcessExecutor({ module, execArgv: ['--no-such-option'] });
  await assert.rejects(hopeless.run(jobsOf(1, 'fine'), contextOf().context), { code: 'ERR_EXECUTOR' });
  await hopeless.dispose();
  await assert.rejects(hopeless.run(jobsOf(1, 'fine'), contextOf().context), { code: 'ERR_DISPOSED' });
});

test('options are checked', () => {
  for (const options of [
    { module: 'relative.ts' },
    { module, slots: 0 },
    { module, slots: [] },
    { module, batchSize: 0 },
    { module, retries: -1 },
  ])
    assert.throws(() => childProcessExecutor(options), { code: 'ERR_INVALID_OPTION' });
});

async function parent(way: string) {
  const log = newFile();
  const path = fileURLToPath(new URL('./fixtures/search-parent.ts', import.meta.url));
  const child = spawn(process.execPath, [path, log, way], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return { child, log, output: () => output };
}

test('the death of the parent ends the children', async () => {
  const { child, log } = await parent('killed');
  while (startsIn(log).length < 2) await sleep(20);
  const pids = startsIn(log).map(({ pid }) => pid);
  assert.ok(pids.every(isAlive));
  child.kill('SIGKILL');
  await untilGone(pids);
});

test('a parent that is done ends, and its children with it', async () => {
  const { child, log, output } = await parent('finished');
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 0);
  assert.match(output(), /finished/);
  await untilGone(startsIn(log).map(({ pid }) => pid));
});
