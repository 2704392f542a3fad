import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { isLrdistError } from '../../lib/errors.ts';
import type { SequenceEvent } from '../../lib/forgetting/sequence-events.ts';
import type { SequenceOptions } from '../../lib/forgetting/sequence-options.ts';
import { taskSequence } from '../../lib/forgetting/sequence.ts';
import { taskShift } from '../../lib/forgetting/shift.ts';
import { flat, type RateDistribution } from '../../lib/rates/distribution.ts';
import { findPreset, fromPreset } from '../../lib/rates/presets.ts';
import type { SequenceRecord } from '../../lib/report/sequence-record.ts';
import type { Scores } from '../../lib/train/model.ts';
import { openModel } from '../../lib/train/open.ts';
import type { EncodedSplit, Task } from '../../lib/train/task.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyTask } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const flipped = (split: EncodedSplit): EncodedSplit => ({ ...split, labels: split.labels.map((label) => 1 - label) });

const turned = (task: Task): Task => ({
  ...task,
  splits: { train: flipped(task.splits['train']!), validation: flipped(task.splits['validation']!) },
});
const size = { train: 48, validation: 24 };
const praise = tinyTask({ name: 'praise', ...size });
const blame = turned(tinyTask({ name: 'blame', ...size, seed: 19 }));
/** Enough rows to be learned. */
const larger = [
  tinyTask({ name: 'praise', train: 160, validation: 60 }),
  turned(tinyTask({ name: 'blame', train: 160, validation: 60, seed: 19 })),
];
const high = flat(1e-2, 2).name;
const third = tinyTask({ name: 'third', ...size, seed: 31 });
const options = {
  model,
  tasks: [praise, blame],
  distributions: [flat(1e-2, 2)],
  training: { epochs: 2, batchSize: 8 },
  session: { threads: 1 },
} satisfies SequenceOptions;

before(() => writeTinyBert(model, { maskedLm: true }));

const run = (more: Partial<SequenceOptions>): Promise<SequenceRecord> => taskSequence({ ...options, ...more }).result;
/** What a run came to, bit for bit, by combination. */
const bits = (record: SequenceRecord): Map<string, unknown> =>
  new Map(record.runs.map(({ combination, R, final_losses }) => [combination, { R, final_losses }]));
const refused = (more: Partial<SequenceOptions>, code: string, message: RegExp): void =>
  assert.throws(
    () => taskSequence({ ...options, ...more }),
    (error) => isLrdistError(error) && error.code === code && message.test(`${error.message} ${error.remedy}`),
  );

test('two tasks: the numbers of a task shift, with the matrix', async () => {
  const distributions = [flat(1e-2, 2), fromPreset(findPreset('fast-head')!, 2, 1e-3)];
  for (const mode of ['keep', 'paper'] as const) {
    const record = await run({ distributions, seeds: [1, 2], mode });
    const shift = await taskShift({ ...options, tasks: [praise, blame], distributions, seeds: [1, 2], mode });
    assert.deepEqual(
      record.runs.map(({ combination, seed, scores: { before: b, p_s, p_o, objective, BWT, ACC }, final_losses }) => [
        combination,
        seed,
        [b, p_s, p_o, objective, 0 - BWT!, 2 * ACC!],
        final_losses,
      ]),
      shift.runs.map(({ distribution, seed, before: b, p_s, p_o, objective, forgetting, final_losses }) => [
        distribution,
        seed,
        [b, p_s, p_o, objective, forgetting, p_o + p_s],
        final_losses,
      ]),
      mode,
    );
    assert.deepEqual(record.summary[1]!.difference!.p_o, shift.summary[1]!.difference!.p_o);
    for (const { R, scores } of record.runs) {
      assert.equal(R[0]![1], null);
      assert.deepEqual([R[0]![0], R[1]![1], R[1]![0]], [scores.before, scores.p_s, scores.p_o]);
    }
  }
});

test('two tasks are what training by hand gives', async () => {
  const [upper, low] = [flat(1e-2, 2), flat(1e-3, 2)] as const;
  const record = await run({ distributions: [upper, low], seeds: [3] });
  await using byHand = await openModel({ path: model, tasks: options.tasks, threads: 1, seed: 3 });
  await byHand.train({ ...options.training, task: praise, rates: upper }).result;
  const [{ main: start }] = (await byHand.evaluate(praise)) as [Scores];
  await byHand.setReplicas([0, 0]);
  await byHand.train({ ...options.training, task: blame, rates: [upper, low], stage: 1 }).result;
  const [p_o, p_s] = [await byHand.evaluate(praise), await byHand.evaluate(blame)];
  assert.deepEqual(
    record.runs.map(({ R }) => R),
    [0, 1].map((k) => [
      [start, null],
      [p_o[k]!.main, p_s[k]!.main],
    ]),
  );
});

test('sixteen distributions in one session are sixteen sessions, bit for bit', async () => {
  const shapes = ['flat', 'fast-head', 'llrd-0.9', 'electra'].map((name) => findPreset(name)!);
  const distributions = shapes.flatMap((shape) => [1e-2, 3e-3, 1e-3, 3e-4].map((base) => fromPreset(shape, 2, base)));
  const firstRates = flat(1e-2, 2);
  const together = bits(await run({ distributions, firstRates }));
  assert.equal(together.size, 16);
  for (const distribution of distributions)
    assert.deepEqual(
      bits(await run({ distributions: [distribution], firstRates })).get(distribution.name),
      together.get(distribution.name),
      distribution.name,
    );
});

const text = praise.splits['train']!;
const pretraining = {
  dataset: text,
  masking: { probability: 0.3, maskId: 4, special: Int32Array.of(0, 1, 2, 3, 4) },
};
const all = [
  'none',
  'l2-sp@1',
  'l2-sp-pretrained@1,0.1',
  'ewc@100',
  'ewc-online@100,0.5',
  'ewc-pretrained@10',
  'recadam@100,0.5,0.5',
  'recadam-pretrained@100,0.5,3',
  'mixout@0.5',
  'mixout-pretrained@0.5',
  'child-f@0.5',
  'child-d@0.5',
  'frozen',
  'replay@16',
  'lwf@1,2',
  'joint',
  'none/ewc@100/replay@16',
];

test('penalties beside others do what they do alone, over three tasks, and each does something', async () => {
  const sequence = { tasks: [praise, blame, third], pretraining, zeroShot: false };
  const together = bits(await run({ ...sequence, penalties: all }));
  for (const penalty of all) {
    const name = penalty === 'none' ? high : `${high} + ${penalty}`;
    assert.ok(together.has(name));
    assert.deepEqual(bits(await run({ ...sequence, penalties: [penalty] })).get(name), together.get(name), penalty);
  }
  const different = new Set([...together.values()].map((value) => JSON.stringify(value)));
  assert.equal(different.size, all.length, 'no two have the same numbers');
});

test('a penalty of strength 0 is none, bit for bit', async () => {
  const penalties = ['none', 'ewc@0', 'l2-sp@0,0', 'ewc-online@0', 'replay@16,0', 'lwf@0'];
  const found = [...bits(await run({ penalties, tasks: [praise, blame, third] })).values()] as {
    R: unknown;
    final_losses: unknown;
  }[];
  for (const [i, penalty] of penalties.entries()) assert.deepEqual(found[i], found[0], penalty);
});

const learned = { epochs: 3, batchSize: 8 };

test('frozen keeps the first task to the last bit and learns the second', async () => {
  const { runs } = await run({ tasks: larger, penalties: ['frozen'], training: learned });
  const [{ R, scores }] = runs as [(typeof runs)[number]];
  assert.equal(R[1]![0], R[0]![0]);
  assert.ok(scores.p_s! > 0.8, 'the features of the first task serve the second');
});

test('contradicting tasks on one head: plain training forgets all, strong pulls and answers keep it, old rows keep a part', async () => {
  const penalties = [
    'none',
    'ewc@1e10',
    'ewc-online@1e10',
    'l2-sp@1e5,0',
    'recadam@1e4,1,1000',
    'lwf@100,1',
    'replay@80',
    'joint',
  ];
  const record = await run({ tasks: larger, heads: 'same', penalties, training: learned });
  const kept: Record<string, number> = Object.fromEntries(
    record.runs.map(({ scores }, i) => [penalties[i]!, scores.p_o!]),
  );
  assert.ok(record.runs.every(({ scores }) => scores.before! > 0.9));
  assert.ok(kept['none']! < 0.1, JSON.stringify(kept));
  for (const penalty of ['ewc@1e10', 'ewc-online@1e10', 'l2-sp@1e5,0', 'recadam@1e4,1,1000', 'lwf@100,1'])
    assert.ok(kept[penalty]! > 0.9, `${penalty}: ${JSON.stringify(kept)}`);
  for (const penalty of ['replay@80', 'joint']) assert.ok(kept[penalty]! > 0.2, `${penalty}: ${JSON.stringify(kept)}`);
});

test('three tasks, all orders, references: matrix, transfer and events', async () => {
  const events: SequenceEvent[] = [];
  const sequence = taskSequence({
    ...options,
    tasks: [praise, blame, third],
    orders: 'all',
    reference: true,
    penalties: ['none', 'joint'],
  });
  for await (const event of sequence) events.push(event);
  const record = await sequence.result;
  assert.equal(record.orders.length, 6);
  assert.deepEqual(record.orders[0], [0, 1, 2]);
  assert.equal(record.runs.length, 12);
  for (const { R, scores, order } of record.runs) {
    assert.ok(
      R.flat().every((score) => score !== null),
      'zero-shot scores are there',
    );
    const T = 3;
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
    assert.equal(scores.ACC, mean(R[2] as number[]));
    const back = [0, 1].map((j) => R[T - 1]![j]! - R[j]![j]!);
    assert.ok(Math.abs(scores.BWT! - mean(back)) < 1e-12);
    const tasks = record.orders[order]!;
    const untrained = record.untrained![0]!.scores;
    assert.ok(Math.abs(scores.FWT! - mean([1, 2].map((j) => R[j - 1]![j]! - untrained[tasks[j]!]!))) < 1e-12);
    const alone = record.alone![0]!.scores;
    assert.ok(Math.abs(scores.intransigence! - mean([0, 1, 2].map((j) => alone[tasks[j]!]! - R[j]![j]!))) < 1e-12);
  }
  // The first stage is learned once for each first task, and is the same for both of its orders.
  const firsts = events.filter((event) => event.type === 'stage' && event.pass === 'first');
  assert.equal(firsts.length, 3);
  const starting = record.runs.filter(({ order }) => record.orders[order]![0] === 1);
  assert.equal(new Set(starting.map(({ R }) => R[0]![0])).size, 1);
  const done = events.flatMap((event) => (event.type === 'step' ? [event.progress.done / event.progress.total] : []));
  assert.deepEqual(
    done,
    done.toSorted((x, y) => x - y),
    'progress only rises',
  );
  assert.equal(done.at(-1), 1, 'and reaches the end');
});

test('one head for all tasks; moments, schedules and rates by stage', async () => {
  const record = await run({ heads: 'same' });
  assert.equal(record.heads, 'same');
  assert.notEqual(record.runs[0]!.R[0]![1], null, 'zero-shot scores are meant with one head');
  const kept = await run({ moments: 'keep' });
  const fresh = await run({});
  assert.notDeepEqual(bits(kept), bits(fresh));
  assert.deepEqual(kept.moments, ['fresh', 'keep']);
  const short = await run({ stages: [{}, { epochs: 1, schedule: { lr_scheduler_type: 'constant' } }] });
  assert.equal(short.runs[0]!.final_losses[0], fresh.runs[0]!.final_losses[0]);
  assert.notEqual(short.runs[0]!.final_losses[1], fresh.runs[0]!.final_losses[1]);
  const staged: RateDistribution = { ...flat(1e-2, 2), name: 'staged', stages: [{ all: 1e-2 }, { all: 1e-4 }] };
  const low = await run({ distributions: [staged], firstRates: flat(1e-2, 2) });
  assert.equal(low.runs[0]!.final_losses[0], fresh.runs[0]!.final_losses[0]);
  assert.notEqual(low.runs[0]!.final_losses[1], fresh.runs[0]!.final_losses[1]);
});

test('the published protocol says what it took over', async () => {
  const record = await run({ protocol: 'paper', training: { epochs: 1 } });
  assert.equal(record.mode, 'paper');
  assert.deepEqual(record.moments, ['fresh', 'keep']);
  assert.equal(record.session['pool'], 'cls');
  assert.deepEqual(record.training[1], {
    epochs: 1,
    batchSize: 4,
    loss: 'double-softmax',
    dropout: false,
    optimizer: { name: 'adam' },
    weightDecay: 0,
    clipNorm: 0,
    schedule: { lr_scheduler_type: 'paper' },
  });
  assert.deepEqual(Object.keys(record.protocol!.habits).sort(), [
    'batchSize',
    'clipNorm',
    'dropout',
    'loss',
    'metric',
    'mode',
    'moments',
    'optimizer',
    'pool',
    'schedule',
    'split',
    'weightDecay',
  ]);
});

test('a combination that diverges leaves the others as they are; all diverging is an error', async () => {
  const wild: RateDistribution = { ...flat(1, 2), name: 'wild', stages: [{ all: 1e30 }] };
  const penalties = ['none', 'lwf', 'ewc'];
  const record = await run({
    distributions: [flat(1e-2, 2), wild],
    penalties,
    tasks: [praise, blame, third],
  });
  const states = Object.fromEntries(record.runs.map(({ combination, state }) => [combination, state]));
  assert.equal(states[`${high} + lwf`], 'complete');
  assert.equal(states['wild'], 'not_finite');
  assert.equal(states['wild + lwf'], 'not_finite');
  assert.ok(Number.isNaN(record.runs.find(({ combination }) => combination === 'wild')!.scores.ACC));
  const good = await run({ penalties, tasks: [praise, blame, third] });
  for (const [name, value] of bits(good)) assert.deepEqual(bits(record).get(name), value, name);
  await assert.rejects(
    run({ distributions: [wild], penalties: ['none', 'lwf'] }),
    (error) => isLrdistError(error) && error.code === 'ERR_LOSS_NOT_FINITE',
  );
});

test('an abort or leaving ends it', async () => {
  const reason = new Error('enough');
  await assert.rejects(run({ signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const sequence = taskSequence({ ...options, signal: controller.signal });
  await assert.rejects(async () => {
    for await (const event of sequence) if (event.type === 'step') controller.abort(reason);
  }, reason);
  const left = taskSequence(options);
  await left[Symbol.asyncDispose]();
  await assert.rejects(left.result);
});

test('what cannot be is refused before anything runs', async () => {
  refused(
    { penalties: ['replay@49'] },
    'ERR_INVALID_OPTION',
    /stores 49 rows of each task, but praise has 48.*at most 48/s,
  );
  refused({ penalties: ['ewv'] }, 'ERR_INVALID_OPTION', /Did you mean ewc/);
  refused({ penalties: ['ewc', 'ewc'] }, 'ERR_INVALID_OPTION', /two penalties are named "ewc"/);
  refused({ penalties: ['ewc-pretrained'] }, 'ERR_INVALID_OPTION', /needs text/);
  refused({ penalties: ['l2-sp-pretrained'], firstModel: model }, 'ERR_INVALID_OPTION', /has only fine-tuned ones/);
  refused(
    { heads: 'same', tasks: [praise, { ...blame, labels: ['a', 'b'] }] },
    'ERR_INVALID_OPTION',
    /one head cannot serve both/,
  );
  refused({ orders: 3 }, 'ERR_INVALID_OPTION', /only 2 orders/);
  refused({ tasks: [praise] }, 'ERR_INVALID_OPTION', /two tasks or more/);
  refused({ seeds: [1, 1] }, 'ERR_INVALID_OPTION', /named twice/);
  refused({ penaltys: ['none'] } as never, 'ERR_UNKNOWN_OPTION', /Did you mean penalties/);
  const bare = join(work, 'bare');
  await writeTinyBert(bare);
  await assert.rejects(
    run({ model: bare, penalties: ['ewc-pretrained'], pretraining }),
    (error) =>
      isLrdistError(error) && error.code === 'ERR_MODEL_UNSUPPORTED' && /no language-model head/.test(error.message),
  );
});

test('masked-LM losses of a checkpoint without a head: one is trained first, and the stages run as they would have', async () => {
  const bare = join(work, 'headless');
  await writeTinyBert(bare);
  const held = { rows: text, masking: pretraining.masking };
  const measure = { measures: ['masked_lm'], text: held, rows: { masked_lm: 16 } } as const;
  await assert.rejects(
    run({ model: bare, measure }),
    (error) => isLrdistError(error) && error.code === 'ERR_MODEL_UNSUPPORTED' && /retrain_head/.test(error.remedy!),
  );
  const record = await run({ model: bare, measure: { ...measure, retrainHead: true }, seeds: [42, 43] });
  const plain = await run({ model: bare, seeds: [42, 43] });
  for (const [i, { measures, ...rest }] of record.runs.entries()) {
    assert.ok(measures![1]!.masked_lm!.after! > 0);
    assert.deepEqual(rest, plain.runs[i]);
  }
  const losses = await run({ measure });
  const before = ({ runs }: SequenceRecord): number => runs[0]!.measures![1]!.masked_lm!.before!;
  assert.ok(before(record) < before(losses) - 0.1, `${before(losses)} -> ${before(record)}`);
  const which = ({ notes }: SequenceRecord): string[] => notes.filter((note) => note.startsWith('masked_lm'));
  assert.match(which(record)[0]!, /a language-model head trained on the text.*, on rows that were not measured/);
  assert.match(which(losses)[0]!, /the checkpoint's own/);
});

test('EWC to the pretrained weights: the Fisher information of a retrained head is another, and needs no head in the checkpoint', async () => {
  const bare = join(work, 'without');
  await writeTinyBert(bare);
  const penalties = ['none', 'ewc-pretrained@100'];
  const retrained = { ...pretraining, retrainHead: true };
  const own = await run({ penalties, pretraining });
  const other = await run({ penalties, pretraining: retrained });
  const without = await run({ model: bare, penalties, pretraining: retrained });
  const pulled = `${high} + ${penalties[1]}`;
  assert.notDeepEqual(bits(other).get(pulled), bits(own).get(pulled));
  assert.deepEqual(bits(other).get(high), bits(own).get(high));
  // Both checkpoints have the same body, but the heads start elsewhere.
  assert.notDeepEqual(bits(without).get(pulled), bits(without).get(high));
  const which = ({ notes }: SequenceRecord): string[] => notes.filter((note) => note.startsWith('ewc-pretrained'));
  assert.match(which(other)[0]!, /trained on the text/);
  assert.match(which(own)[0]!, /the checkpoint's own/);
});
