import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { isLrdistError } from '../../lib/errors.ts';
import type { Candidate } from '../../lib/pair-search/candidate.ts';
import { repeatFinalists } from '../../lib/pair-search/finalists.ts';
import { pairObjective } from '../../lib/pair-search/pair-objective.ts';
import { readObjective } from '../../lib/pair-search/objective.ts';
import type { PairOptions } from '../../lib/pair-search/options.ts';
import { rateSpace } from '../../lib/pair-search/rate-space.ts';
import type { Ending, PairRunOptions } from '../../lib/pair-search/batch-run.ts';
import { PairSession } from '../../lib/pair-search/pair-session.ts';
import { penaltyKind } from '../../lib/forgetting/penalties.ts';
import { taskShift } from '../../lib/forgetting/shift.ts';
import { flat } from '../../lib/rates/distribution.ts';
import { findPreset, fromPreset } from '../../lib/rates/presets.ts';
import { openModel } from '../../lib/train/open.ts';
import type { Task } from '../../lib/train/task.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinySplit, tinyTask } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const cache = join(work, 'first-stages');
/** As numbers to predict, so that the scores show every bit. */
const withSelection = (task: Task, seed: number): Task => ({
  ...task,
  labels: null,
  mainMetric: 'closeness',
  chance: 0,
  score: (predictions, labels) => ({
    closeness: 1 - predictions.reduce((sum, value, i) => sum + (value - labels[i]!) ** 2, 0) / labels.length,
  }),
  splits: { ...task.splits, selection: tinySplit(40, seed) },
});
const tasks = [
  withSelection(tinyTask({ name: 'praise', train: 64 }), 101),
  withSelection(tinyTask({ name: 'blame', train: 64, seed: 19 }), 103),
] as const;
const options: PairOptions = {
  model,
  tasks,
  training: { epochs: 4, batchSize: 8, weightDecay: 0.01 },
  firstTraining: { epochs: 2 },
  firstRates: flat(1e-2, 2),
  objective: readObjective('sum'),
  session: { threads: 1, matmul: 'mkl' },
  seed: 5,
  cache,
};
const candidates: readonly Candidate[] = [
  { distribution: flat(1e-2, 2) },
  { distribution: fromPreset(findPreset('fast-head')!, 2, 3e-3), weightDecay: 0.3 },
  { distribution: flat(3e-3, 2), warmupRatio: 0.5 },
  { distribution: flat(5e-3, 2), epochs: 2 },
  { distribution: flat(1e-3, 2) },
];
const searched = { space: rateSpace({ layers: 2 }), objective: options.objective, options };
const nothing: PairRunOptions = { rungs: [], onRung: () => assert.fail('no rung') };

/** A disk of 8 kB in memory, which holds no first stage; undefined where only root may make one. */
function mountedDisk(t: TestContext): string | undefined {
  const disk = mkdtempSync(join(work, 'disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'none', disk], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  t.after(() => execFileSync('umount', ['--lazy', disk]));
  return disk;
}

before(() => writeTinyBert(model, { maskedLm: true }));

const open = (more: Partial<PairOptions> = {}): Promise<PairSession> => PairSession.open({ ...options, ...more });
const scoresOf = (endings: readonly Ending[]): unknown[] =>
  endings.map((ending) => (ending.state === 'complete' ? ending.scores : ending.state));

test('a batch is its candidates one by one, bit for bit, with decay, warm-up and epochs of their own', async () => {
  await using session = await open();
  const together = scoresOf(await session.run(candidates, nothing));
  assert.equal(new Set(together.map((each) => JSON.stringify(each))).size, candidates.length);
  for (const [k, candidate] of candidates.entries())
    assert.deepEqual(scoresOf(await session.run([candidate], nothing)), [together[k]]);
});

test('dropped candidates end; the others go on as if nothing had happened', async () => {
  await using session = await open();
  const whole = scoresOf(await session.run(candidates, nothing));
  const asked: [number, number[]][] = [];
  const halved = await session.run(candidates, {
    rungs: [1, 2, 3],
    onRung: async (step, scores) => {
      asked.push([step, [...scores.keys()]]);
      return new Set(
        [...scores.keys()].filter((index) => !(step === 1 && index === 0) && !(step === 3 && index === 2)),
      );
    },
  });
  assert.deepEqual(asked, [
    [1, [0, 1, 2, 3, 4]],
    [2, [1, 2, 4]],
    [3, [1, 2, 4]],
  ]);
  assert.deepEqual(scoresOf(halved), ['pruned', whole[1], 'pruned', whole[3], whole[4]]);
});

test('the same numbers as a task shift with these distributions', async () => {
  const distributions = [candidates[0]!.distribution, fromPreset(findPreset('fast-head')!, 2, 3e-3)];
  for (const mode of ['keep', 'paper'] as const) {
    const record = await taskShift({
      model,
      tasks: [tasks[0], tasks[1]],
      distributions,
      mode,
      ...(mode === 'keep' ? { firstRates: flat(1e-2, 2), firstTraining: { epochs: 2 } } : {}),
      seeds: [5],
      split: 'selection',
      training: { epochs: 4, batchSize: 8, weightDecay: 0.01 },
      session: { threads: 1, matmul: 'mkl' },
    });
    await using session = await open({ mode, ...(mode === 'paper' ? { firstTraining: {} } : {}) });
    const endings = await session.run(
      distributions.map((distribution) => ({ distribution })),
      nothing,
    );
    assert.deepEqual(
      scoresOf(endings),
      record.runs.map(({ before: b, p_s, p_o, forgetting, objective }) => ({
        before: b,
        p_s,
        p_o,
        forgetting,
        objective,
      })),
      mode,
    );
  }
});

test('a first stage is trained once and kept; a broken file is made anew', async () => {
  const folder = join(work, 'kept');
  const train = async (): Promise<unknown> => {
    await using session = await open({ cache: folder });
    return [session.before, scoresOf(await session.run(candidates.slice(0, 2), nothing))];
  };
  const first = await train();
  const [file, ...more] = await readdir(folder);
  assert.equal(more.length, 0);
  const path = join(folder, file!);
  const bytes = await readFile(path);
  assert.deepEqual(await train(), first);
  assert.equal((await readdir(folder)).length, 1);
  for (const broken of [bytes.subarray(0, 1000), bytes.subarray(0, 4), Buffer.alloc(0)]) {
    await writeFile(path, broken);
    assert.deepEqual(await train(), first);
    assert.deepEqual(await readFile(path), bytes);
  }
  await using other = await open({ cache: folder, seed: 6 });
  assert.equal((await readdir(folder)).length, 2);
  assert.notDeepEqual([other.before, scoresOf(await other.run(candidates.slice(0, 2), nothing))], first);
});

test('a folder that cannot be written costs the kept first stage, not the search', { timeout: 60_000 }, async (t) => {
  const file = join(work, 'no-folder');
  await writeFile(file, '');
  const trained = async (cache: string | false): Promise<{ notes: string[]; scores: unknown[] }> => {
    const notes: string[] = [];
    const objective = pairObjective({ ...searched, options: { ...options, cache } }, { onNote: (n) => notes.push(n) });
    await using session = await objective.session();
    return { notes, scores: [session.before, scoresOf(await session.run(candidates.slice(0, 2), nothing))] };
  };
  const { notes: none, scores } = await trained(false);
  assert.deepEqual(none, []);
  const refused = await trained(join(file, 'first-stages'));
  assert.deepEqual(refused.scores, scores);
  assert.equal(refused.notes.length, 1);
  assert.match(refused.notes[0]!, /first stage is not kept.*no-folder/);

  // Told before anything is trained: this first stage would take minutes.
  const controller = new AbortController();
  const enough = new Error('enough');
  const endless = { ...options, cache: join(file, 'x'), firstTraining: { epochs: 30_000 } };
  const opening = PairSession.open(endless, { signal: controller.signal, onNote: () => controller.abort(enough) });
  await assert.rejects(opening, (error) => error === enough);

  const disk = mountedDisk(t);
  if (disk === undefined) return;
  const full = await trained(disk);
  assert.deepEqual(full.scores, scores);
  assert.match(full.notes.join(), /first stage is not kept/);
  assert.deepEqual(await readdir(disk), []);
});

test('without anybody to tell at once, the first batch tells it as its progress', async () => {
  const file = join(work, 'no-folder-either');
  await writeFile(file, '');
  await using objective = pairObjective({ ...searched, options: { ...options, cache: join(file, 'x') } });
  await objective.session();
  const told: unknown[] = [];
  const parameters = searched.space.encode(flat(1e-3, 2)).parameters;
  for (let batch = 0; batch < 2; batch++)
    await objective.run([{ trial: batch, attempt: 1, parameters }], {
      signal: new AbortController().signal,
      rungs: [],
      maxStep: 4,
      report: async (_, reports) => reports.map(({ job }) => job),
      progress: (event) => told.push(event),
    });
  const notes = told.filter((event) => (event as { type?: string }).type === 'note');
  assert.equal(notes.length, 1);
});

test('paper mode: first stages that are the same are trained once, and rungs count them', async () => {
  const both = (first: number, second: number): Candidate => ({
    distribution: { ...flat(first, 2), stages: [{ all: first }, { all: second }] },
  });
  const list = [both(1e-2, 1e-3), both(3e-3, 1e-2), both(1e-2, 1e-2)];
  await using session = await open({ mode: 'paper', firstTraining: { epochs: 2 } });
  assert.equal(session.maxStep, 3);
  const whole = scoresOf(await session.run(list, nothing));
  for (const [k, candidate] of list.entries())
    assert.deepEqual(scoresOf(await session.run([candidate], nothing)), [whole[k]]);
  const steps: [number, number[]][] = [];
  const ends = await session.run(list, {
    rungs: [1, 2],
    onRung: async (step, scores) => {
      steps.push([step, [...scores.keys()].sort()]);
      assert.ok([...scores.values()].every((each) => !('p_s' in each)));
      return new Set(step === 2 ? [1, 2] : [0, 1, 2]);
    },
  });
  assert.deepEqual(steps, [
    [1, [0, 1, 2]],
    [2, [0, 1, 2]],
  ]);
  assert.deepEqual(scoresOf(ends), ['pruned', whole[1], whole[2]]);
});

test('a penalty whose strength is searched', async () => {
  for (const name of ['l2-sp', 'ewc', 'recadam', 'mixout']) {
    await using session = await open({ penalty: penaltyKind(name) });
    const strengths = name === 'mixout' ? [0.1, 0.8] : [1e-3, 1e4];
    const list = strengths.map((penalty) => ({ distribution: flat(1e-2, 2), penalty }));
    const [weak, strong] = scoresOf(await session.run(list, nothing));
    assert.notDeepEqual(weak, strong, name);
    assert.deepEqual(scoresOf(await session.run([list[1]!], nothing)), [strong], name);
  }
});

test('a candidate that stops being finite leaves the others alone; epochs must be whole', async () => {
  await using session = await open({ training: { epochs: 2, batchSize: 8, clipNorm: 0, optimizer: { eps: 1e-30 } } });
  const list = [{ distribution: flat(1e-2, 2) }, { distribution: flat(1, 2) }];
  const [alone] = scoresOf(await session.run([list[0]!], nothing));
  const broken = { distribution: { ...flat(1, 2), stages: [{ all: 1 }] }, weightDecay: 1e30 };
  assert.deepEqual(scoresOf(await session.run([list[0]!, broken], nothing)), [alone, 'not_finite']);
  assert.deepEqual(scoresOf(await session.run([broken], nothing)), ['not_finite']);
  assert.deepEqual(scoresOf(await session.run([list[0]!], nothing)), [alone]);
  await assert.rejects(
    open({ training: { epochs: 1.5 } }),
    (error) => isLrdistError(error) && error.code === 'ERR_INVALID_OPTION' && /whole epochs/.test(error.message),
  );
});

test('replicas with epochs, schedules and decay of their own', async () => {
  const train = async (which: readonly number[]) => {
    await using opened = await openModel({
      path: model,
      tasks,
      replicas: which.length,
      seed: 5,
      threads: 1,
      matmul: 'mkl',
    });
    const pick = <T>(values: readonly T[]): T[] => which.map((k) => values[k]!);
    const result = await opened.train({
      task: tasks[0],
      rates: flat(1e-2, 2),
      batchSize: 8,
      epochs: pick([2, 1]),
      schedule: pick([{ lr_scheduler_type: 'cosine' }, { warmup_ratio: 0.5 }] as const),
      weightDecay: pick([0, 0.5]),
    }).result;
    const scores = await opened.evaluate(tasks[0], { split: 'selection', logits: true });
    return { losses: result.losses.map((each) => [...each]), logits: scores.map(({ logits }) => [...logits!]) };
  };
  const both = await train([0, 1]);
  const [long, short] = [await train([0]), await train([1])];
  assert.deepEqual(both.losses[0], long.losses[0]);
  assert.deepEqual(both.losses[1]!.slice(0, 8), short.losses[0]);
  // Beyond its own epochs a replica keeps its weights.
  assert.deepEqual(both.logits, [long.logits[0], short.logits[0]]);
});

test('finalists are trained again under other seeds, beside a reference: the shift of these distributions', async () => {
  const pair = { space: rateSpace({ layers: 2, rates: [1e-4, 2e-2] }), objective: readObjective('sum'), options };
  const points = [1e-2, 5e-3, 1e-3].map((rate, trial) => ({
    trial,
    parameters: pair.space.encode(flat(rate, 2)).parameters,
  }));
  const repeat = (over: object = {}) =>
    repeatFinalists(pair, { finalists: points.slice(1), reference: points[0]!, seeds: [7, 8, 9], ...over });
  const final = await repeat();
  assert.deepEqual(await repeat({ batchSize: 1 }), final);
  assert.equal(final.reference, 0);
  assert.deepEqual(
    final.repeated.map(({ trial }) => trial),
    [1, 2, 0],
  );
  assert.ok(final.choice.ranking[0]!.low >= final.choice.ranking[1]!.low);
  const record = await taskShift({
    model,
    tasks: [tasks[0], tasks[1]],
    distributions: points.map(({ trial, parameters }) => pair.space.decode(parameters, String(trial)).distribution),
    firstRates: options.firstRates!,
    firstTraining: { epochs: 2 },
    training: options.training!,
    seeds: [7, 8, 9],
    split: 'selection',
    session: options.session!,
  });
  for (const { distribution, seed, objective: value } of record.runs)
    assert.equal(final.repeated.find(({ trial }) => String(trial) === distribution)!.scores[seed], value);
  await assert.rejects(repeat({ seeds: [1] }), /two seeds or more/);
  await assert.rejects(
    repeatFinalists(
      { ...pair, objective: readObjective('pareto') },
      { finalists: points, reference: points[0]!, seeds: [1, 2] },
    ),
    /no one best trial/,
  );
});
