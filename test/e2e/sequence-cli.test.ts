import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { SequenceRecord } from '../../lib/report/sequence-record.ts';
import { jsonCli, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { tinyWords, writeTinyBert } from '../helpers/tiny-bert.ts';
import { writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const model = join(work, 'model');
const data = join(work, 'glue');
const common = [
  'shift',
  '--model',
  model,
  '--data-dir',
  data,
  '--rates',
  '1e-3',
  '--num_train_epochs',
  '1',
  '--threads',
  '1',
];

before(async () => {
  await writeTinyBert(model, { maskedLm: true });
  await writeTinyGlue(data);
  const rows = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join('');
  const text = (i: number): string => `the film was ${i % 2 === 0 ? 'bad' : 'good'} ${'abcd'[i % 4]} .`;
  await mkdir(join(data, 'CoLA'));
  await mkdir(join(data, 'RTE'));
  for (const [file, count] of [
    ['train', 40],
    ['dev', 20],
  ] as const) {
    await writeFile(
      join(data, 'CoLA', `${file}.tsv`),
      rows(count, (i) => `x\t${i % 2}\t\t${text(i)}\n`),
    );
    await writeFile(
      join(data, 'RTE', `${file}.tsv`),
      `index\tsentence1\tsentence2\tlabel\n${rows(count, (i) => `${i}\t${text(i)}\t${text(i + 1)}\t${i % 3 === 0 ? 'entailment' : 'not_entailment'}\n`)}`,
    );
  }
  await writeFile(join(work, 'text.txt'), `${tinyWords.slice(5).join(' ')}\n`.repeat(80));
});

test('lrdist shift over three tasks with penalties and measures: record and table', async () => {
  const output = join(work, 'out');
  const record = (await jsonCli([
    ...common,
    ...['--tasks', 'sst2,cola,rte', '--penalty', 'none,ewc@10,ewc-pretrained@10,replay@8', '--penalty_rows', '12'],
    ...['--text_file', join(work, 'text.txt'), '--measure', 'drift,masked_lm:4', '--output_dir', output],
  ])) as unknown as SequenceRecord;
  assert.equal(record.format, 'lrdist-sequence/1');
  assert.deepEqual(
    record.tasks.map(({ task }) => task),
    ['sst2', 'cola', 'rte'],
  );
  assert.equal(record.fisher.rows, 12);
  assert.deepEqual(
    record.combinations.map(({ penalty }) => penalty),
    ['none', 'ewc@10', 'ewc-pretrained@10', 'replay@8'],
  );
  for (const { measures } of record.runs) {
    assert.equal(measures![0], null);
    for (const stage of measures!.slice(1)) assert.ok(stage!.drift!.body! > 0 && stage!.masked_lm!.after! > 0);
  }
  assert.deepEqual(JSON.parse(await readFile(join(output, 'shift.json'), 'utf8')), record);

  const table = await runCli([...common, '--tasks', 'sst2,cola,rte', '--penalty', 'none,joint', '--seeds', '2']);
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /^combination +ACC +BWT +FWT +forgetting +normalised ACC$/m);
  assert.match(table.stdout, /^flat@0.001 \+ joint/m);
  assert.match(table.stdout, /paired by seed, with the 95 % interval/);
  assert.match(table.stdout, /^after rte /m);
});

test('lrdist shift --retrain_head: a checkpoint without a language-model head', async () => {
  const bare = join(work, 'bare');
  await writeTinyBert(bare);
  const command = [
    ...common.map((word) => (word === model ? bare : word)),
    ...['--tasks', 'sst2,cola', '--penalty', 'none,ewc-pretrained@10', '--penalty_rows', '12'],
    ...['--text_file', join(work, 'text.txt'), '--measure', 'masked_lm:4', '--max_steps', '3'],
  ];
  const { code, stderr } = await runCli(command);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /has no language-model head.*\n.*--retrain_head/);
  const record = (await jsonCli([...command, '--retrain_head'])) as unknown as SequenceRecord;
  assert.deepEqual(
    record.notes.filter((note) => /language-model head trained/.test(note)).map((note) => note.split(':')[0]),
    ['ewc-pretrained', 'masked_lm'],
  );
});

test('lrdist shift --unfreeze: phases in the stages that distributions govern, and a first stage without', async () => {
  const phases = ({ distributions }: SequenceRecord): unknown =>
    distributions.map((document) => document.phases?.map(({ from }) => Number(from.toFixed(4))));
  const first = ({ first_stage }: SequenceRecord): unknown => (first_stage as { rates: { name: string } }).rates.name;
  const unfrozen = async (...more: readonly string[]): Promise<SequenceRecord> =>
    (await jsonCli([...common, ...more])) as unknown as SequenceRecord;
  const [two, three] = [
    ['--tasks', 'sst2,cola'],
    ['--tasks', 'sst2,cola,rte'],
  ];
  // Heads, two layers, embeddings. 5 steps of 8 rows.
  for (const tasks of [two, three]) {
    const record = await unfrozen(...tasks, '--unfreeze', '0.2epochs');
    assert.deepEqual(phases(record), [[0, 0.2, 0.4, 0.6]]);
    assert.equal(first(record), 'flat@0.001');
    assert.notDeepEqual(record.runs, (await unfrozen(...tasks)).runs);
  }
  const paper = await unfrozen(...three, '--unfreeze', '1', '--mode', 'paper');
  assert.deepEqual(phases(paper), [[0, 0.2, 0.4, 0.6]]);
  const cut = ['--tasks', 'rte', '--shift', 'embedding', '--per_device_train_batch_size', '2'];
  const halves = await unfrozen(...cut, '--unfreeze', '0.3epochs');
  assert.deepEqual(phases(halves), [[0, 0.3, 0.6, 0.9]]);
  const longer = ['--mode', 'paper', '--first_num_train_epochs', '2', '--unfreeze', '1'];
  const refused = await runCli([...common, ...three, ...longer]);
  assert.equal(refused.code, 2, refused.stderr);
  assert.match(refused.stderr, /"1" is another share of the 10 steps on sst2 than of the 5 on cola/);
});

test('lrdist shift within one task: halves by length and by embedding, with the published protocol', async () => {
  for (const [shift, task, names] of [
    ['length', 'sst2', ['sst2-short', 'sst2-long']],
    ['embedding', 'rte', ['rte-larger', 'rte-smaller']],
  ] as const) {
    const record = (await jsonCli([
      ...common,
      '--tasks',
      task,
      '--shift',
      shift,
      '--protocol',
      'paper',
      '--max_steps',
      '3',
    ])) as unknown as SequenceRecord;
    assert.equal(record.heads, 'same');
    assert.deepEqual(
      record.tasks.map(({ task }) => task),
      names,
    );
    assert.equal(
      record.tasks.reduce((sum, { train_rows }) => sum + train_rows, 0),
      40,
    );
    assert.equal(record.mode, 'paper');
    const { epochs, maxSteps, batchSize, loss } = record.training[0]! as Record<string, unknown>;
    assert.deepEqual([epochs, maxSteps, batchSize, loss], [1, 3, 4, 'double-softmax']);
  }
});

test('lrdist shift --dry_run says what would run; what cannot be is refused', async () => {
  const dry = await runCli([
    ...common,
    '--tasks',
    'sst2,cola',
    '--penalty',
    'none,ewc,lwf',
    '--orders',
    'all',
    '--dry_run',
  ]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /3 combinations: flat@0.001, flat@0.001 \+ ewc, flat@0.001 \+ lwf/);
  assert.match(dry.stdout, /2 side by side.*\n1 with lwf/);
  const refused = async (more: readonly string[], message: RegExp): Promise<void> => {
    const { code, stderr } = await runCli([...common, ...more]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  };
  await refused(['--tasks', 'sst2,cola', '--penalty', 'ewv'], /Did you mean ewc/);
  await refused(['--tasks', 'sst2,cola', '--shift', 'length'], /expected one task to cut by length/);
  await refused(['--tasks', 'sst2,cola', '--penalty', 'replay@41'], /stores 41 rows of each task, but sst2 has 40/);
  await refused(['--tasks', 'sst2,cola', '--penalty', 'l2-sp', '--penalty_rows', '5'], /would do nothing/);
  await refused(['--tasks', 'sst2,rte', '--same_head'], /one head cannot serve both/);
  await refused(['--tasks', 'sst2,rte', '--measure', 'drift', '--retrain_head'], /no text to train the head on/);
});
