/** Memory that runs out in the middle: what trains side by side begins again in halves, and every number is as if there had been room. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import type { ShiftEvent } from '../../lib/forgetting/events.ts';
import { taskSequence } from '../../lib/forgetting/sequence.ts';
import { taskShift } from '../../lib/forgetting/shift.ts';
import type { NativeModule, NativeSession } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { readObjective } from '../../lib/pair-search/objective.ts';
import { pairObjective } from '../../lib/pair-search/pair-objective.ts';
import { rateSpace } from '../../lib/pair-search/rate-space.ts';
import { flat } from '../../lib/rates/distribution.ts';
import type { BatchContext, Job } from '../../lib/search/executor.ts';
import { inProcessExecutor } from '../../lib/search/executors/in-process.ts';
import { main } from '../../lib/cli/main.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinySplit, tinyTask, writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const glue = join(work, 'glue');
const praise = tinyTask({ name: 'praise', train: 48, validation: 24 });
const blame = tinyTask({ name: 'blame', train: 48, validation: 24, seed: 19 });
const distributions = [1e-2, 7e-3, 5e-3, 3e-3, 1e-3].map((rate) => flat(rate, 2));
const session = { threads: 1, matmul: 'mkl' } as const;

before(async () => {
  await writeTinyBert(model);
  await writeTinyGlue(glue);
});

type Train = NativeSession['train'];

/** Sessions made from here on train by this. @returns back to what it was */
function trainBy(t: TestContext, replace: (session: NativeSession, real: Train) => ReturnType<Train>): () => void {
  const native: { Session: NativeModule['Session'] } = loadNative();
  const Real = native.Session;
  native.Session = class extends Real {
    override train(...call: Parameters<Train>): ReturnType<Train> {
      return replace(this, () => super.train(...call));
    }
  };
  const restore = (): void => void (native.Session = Real);
  t.after(restore);
  return restore;
}

/** From here on training takes room for two replicas, and there is some for a first segment. @returns the replicas of each segment */
function roomForTwo(t: TestContext, segments = 0): number[] {
  const begun: number[] = [];
  let left = segments;
  trainBy(t, (native, real) => {
    begun.push(native.replicas());
    if (native.replicas() > 2 && left-- <= 0)
      return Promise.reject(Object.assign(new Error('no room on the card'), { code: 'ERR_OUT_OF_MEMORY' }));
    return (real as () => ReturnType<Train>)();
  });
  return begun;
}

test('a shift: the same numbers, and it is said', async (t) => {
  const options = {
    model,
    tasks: [praise, blame] as const,
    distributions,
    seeds: [1, 2],
    training: { epochs: 2, batchSize: 8 },
    session,
  };
  const whole = await taskShift(options);
  const begun = roomForTwo(t, 1);
  const events: ShiftEvent[] = [];
  const record = await taskShift({ ...options, onEvent: (event) => events.push(event) });
  assert.deepEqual(record.runs, whole.runs);
  assert.deepEqual(record.summary, whole.summary);
  const fewer = events.flatMap((event) => (event.type === 'fewer' ? [[event.seed, event.of, event.size]] : []));
  assert.deepEqual(fewer, [
    [1, 5, 3],
    [1, 3, 2],
    [2, 5, 3],
    [2, 3, 2],
  ]);
  assert.ok(begun.includes(5) && begun.includes(2));
  const done = events.flatMap((event) => (event.type === 'step' ? [event.progress.done / event.progress.total] : []));
  assert.equal(done.at(-1), 1);
});

test('progress of what begins again is taken back', async (t) => {
  // Room for the first stage, of two epochs.
  roomForTwo(t, 2);
  const done: number[] = [];
  await taskShift({
    model,
    tasks: [praise, blame],
    distributions: distributions.slice(0, 3),
    mode: 'paper',
    training: { epochs: 2, batchSize: 8 },
    session,
    onEvent: (event) => event.type === 'step' && done.push(event.progress.done / event.progress.total),
  });
  assert.ok(Math.max(...done) <= 1, String(Math.max(...done)));
  assert.equal(done.at(-1), 1);
});

test('a sequence with penalties, measures and a reference', async (t) => {
  const options = {
    model,
    tasks: [praise, blame],
    distributions: distributions.slice(0, 3),
    penalties: ['none', 'ewc', 'replay@4'],
    reference: true,
    measure: true,
    training: { epochs: 1, batchSize: 8 },
    session,
  };
  const whole = await taskSequence(options).result;
  roomForTwo(t);
  const record = await taskSequence(options).result;
  assert.deepEqual(record.runs, whole.runs);
  assert.deepEqual(record.alone, whole.alone);
  assert.equal(record.measured?.length, whole.measured?.length);
});

test('a search: no trial is lost', async (t) => {
  const selection = (seed: number) => ({ ...praise.splits, selection: tinySplit(40, seed) });
  const objective = readObjective('sum');
  const pair = {
    space: rateSpace({ layers: 2, parametrisation: 'flat' }),
    objective,
    options: {
      model,
      tasks: [
        { ...praise, splits: selection(101) },
        { ...blame, splits: selection(103) },
      ] as const,
      training: { epochs: 3, batchSize: 8 },
      firstTraining: { epochs: 1 },
      objective,
      session,
      seed: 5,
      cache: false as const,
    },
  };
  const [name] = Object.keys(pair.space.space);
  const jobs = distributions.map(
    ({ stages }, trial): Job => ({ trial, attempt: 1, parameters: { [name!]: Object.values(stages[0]!)[0]! } }),
  );
  const run = async () => {
    await using made = pairObjective(pair);
    const notes: unknown[] = [];
    const context: BatchContext = {
      signal: new AbortController().signal,
      rungs: [1, 2],
      maxStep: 3,
      progress: (event) => (event as { type?: string }).type === 'note' && notes.push(event),
      // The second job ends at the first rung.
      report: async (_, reports) => reports.filter(({ job }) => job.trial !== 1).map(({ job }) => job),
    };
    const executor = inProcessExecutor(made.run, { batchSize: 5 });
    const results = await executor.run(jobs, context);
    return { results, again: await executor.run(jobs.slice(0, 4), context), notes };
  };
  const whole = await run();
  assert.deepEqual(
    whole.results.map(({ state }) => state),
    ['complete', 'pruned', 'complete', 'complete', 'complete'],
  );
  // Room for the first stage and up to the first rung.
  roomForTwo(t, 1);
  const short = await run();
  assert.deepEqual(short.results, whole.results);
  assert.deepEqual(short.again, whole.again);
  assert.deepEqual(short.notes[0], {
    type: 'note',
    note: 'memory ran out (no room on the card): of 5 trials, 3 train at a time; they begin again',
  });
  // It is remembered by the later batch.
  assert.deepEqual(short.notes.slice(1), [{ type: 'note', note: 'memory is short: of 4 trials, 2 train at a time' }]);
});

interface Document {
  readonly replicas: readonly Readonly<Record<string, unknown>>[];
}

async function train(out: string): Promise<{ code: number; errors: string; document: Document }> {
  let [output, errors] = ['', ''];
  const code = await main(
    ['train', '--model', model, '--task', 'sst2', '--data_dir', glue, '--rates', '1e-2,5e-3,1e-3', '--json'].concat([
      '--num_train_epochs',
      '2',
      '--save_strategy',
      'epoch',
      '--threads',
      '1',
      '--output_dir',
      out,
    ]),
    {
      stdout: { write: (text: string) => (output += text) !== '' },
      stderr: { write: (text: string) => (errors += text) !== '' },
    },
  );
  return { code, errors, document: JSON.parse(output) as Document };
}

const scores = ({ document }: { document: Document }): unknown =>
  document.replicas.map(({ name, train_loss, eval_loss, eval_accuracy }) => [
    name,
    train_loss,
    eval_loss,
    eval_accuracy,
  ]);

test('train: a session for each part, with its own checkpoints', async (t) => {
  process.env['LRDIST_MATMUL'] = 'mkl';
  t.after(() => delete process.env['LRDIST_MATMUL']);
  const whole = await train(join(work, 'whole'));
  assert.equal(whole.code, 0, whole.errors);
  const begun = roomForTwo(t, 1);
  const out = join(work, 'parts');
  const short = await train(out);
  assert.equal(short.code, 0, short.errors);
  assert.deepEqual(scores(short), scores(whole));
  assert.match(short.errors, /memory ran out \(no room on the card\): of 3 distributions, 2 train at a time/);
  assert.deepEqual(begun, [3, 3, 2, 2, 1, 1]);
  assert.deepEqual((await readdir(join(out, 'part-2-of-2'))).sort(), ['checkpoint-10', 'checkpoint-5']);
  assert.ok(!existsSync(join(out, 'parts.json')));
  assert.deepEqual(
    (JSON.parse(await readFile(join(out, 'all_results.json'), 'utf8')) as { name: string }[]).map(({ name }) => name),
    ['flat@0.01', 'flat@0.005', 'flat@0.001'],
  );
});

test('train: an interrupted run in parts goes on with the part that it was in', async (t) => {
  process.env['LRDIST_MATMUL'] = 'mkl';
  t.after(() => delete process.env['LRDIST_MATMUL']);
  const whole = await train(join(work, 'uninterrupted'));
  const begun = roomForTwo(t);
  const out = join(work, 'interrupted');
  let alone = 0;
  // The second part, of one replica, ends with its second epoch.
  const repair = trainBy(t, (native, real) => {
    if (native.replicas() === 1 && ++alone === 2) return Promise.reject(new Error('the plug was pulled'));
    return (real as () => ReturnType<Train>)();
  });
  const first = await train(out);
  assert.notEqual(first.code, 0);
  assert.match(JSON.stringify(first.document), /the plug was pulled/);
  repair();
  begun.length = 0;
  const second = await train(out);
  assert.equal(second.code, 0, second.errors);
  assert.match(second.errors, /flat@0\.01, flat@0\.005: finished before/);
  assert.match(second.errors, /resuming at step 5 from \S+part-2-of-2\/checkpoint-5/);
  assert.deepEqual(begun, [1]);
  assert.deepEqual(scores(second), scores(whole));
  const third = await train(out);
  assert.match(JSON.stringify(third.document), /already holds a trained model/);
});
