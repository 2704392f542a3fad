import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parquetWriteFile } from 'hyparquet-writer';
import { type GlueName, glueNames, glueSplit, glueTask, glueTasks } from '../../../lib/data/glue.ts';
import { loadGlue } from '../../../lib/data/load.ts';
import { dataFolder } from '../../helpers/data.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const root = temporaryFolder();

function put(path: string, content: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), content);
}
const load = (folder: string, task: GlueName, split: string, options = {}) =>
  loadGlue(join(root, folder), glueTask(task), split, options);

put('tsv/CoLA/train.tsv', 'gj04\t1\t\tA sentence.\ngj04\t0\t*\tSentence a.\n');
put('tsv/CoLA/test.tsv', 'index\tsentence\n0\tWhat is this?\n');
put('tsv/SST-2/dev.tsv', 'sentence\tlabel\na "charming journey \t1\ndull\tnegative\n');
put('tsv/SST-2/test.tsv', 'index\tsentence\n0\tfine .\n');
put('tsv/MRPC/train.tsv', '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t1\t2\tOne .\tTwo .\n');
put(
  'tsv/STS-B/dev.tsv',
  'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n0\tg\tf\t2012\t0\tn\tn\tA\tB\t2.750\n',
);
put(
  'tsv/QQP/train.tsv',
  'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t1\t2\tWhy?\tHow?\t1\n2\t3\tbroken\n3\t5\t6\tWho?\tWhere?\t0\n',
);
put('tsv/MNLI/dev_matched.tsv', 'index\tsentence1\tsentence2\tlabel1\tgold_label\n0\tP\tH\tneutral\tcontradiction\n');
put('tsv/MNLI/dev_mismatched.tsv', 'gold_label\tsentence2\tsentence1\nneutral\tH2\tP2\n');
put('tsv/QNLI/dev.tsv', 'index\tquestion\tsentence\tlabel\n0\tQ\tS\tnot_entailment\n');
put('tsv/RTE/dev.tsv', 'index\tsentence1\tsentence2\tlabel\n0\tA\tB\tentailment\n');
put('tsv/WNLI/dev.tsv', 'index\tsentence1\tsentence2\tlabel\n0\tA\tB\t1\n');
put('tsv/diagnostic/diagnostic.tsv', 'index\tsentence1\tsentence2\n0\tA\tB\n');

const expectations: [GlueName, string, object[]][] = [
  [
    'cola',
    'train',
    [
      { a: 'A sentence.', label: 1, id: 0 },
      { a: 'Sentence a.', label: 0, id: 1 },
    ],
  ],
  ['cola', 'test', [{ a: 'What is this?', label: NaN, id: 0 }]],
  [
    'sst2',
    'validation',
    [
      { a: 'a "charming journey ', label: 1, id: 0 },
      { a: 'dull', label: 0, id: 1 },
    ],
  ],
  ['sst2', 'test', [{ a: 'fine .', label: NaN, id: 0 }]],
  ['mrpc', 'train', [{ a: 'One .', b: 'Two .', label: 1, id: 0 }]],
  ['stsb', 'dev', [{ a: 'A', b: 'B', label: 2.75, id: 0 }]],
  [
    'qqp',
    'train',
    [
      { a: 'Why?', b: 'How?', label: 1, id: 0 },
      { a: 'Who?', b: 'Where?', label: 0, id: 2 },
    ],
  ],
  ['mnli', 'validation', [{ a: 'P', b: 'H', label: 2, id: 0 }]],
  ['mnli', 'validation_mismatched', [{ a: 'P2', b: 'H2', label: 1, id: 0 }]],
  ['qnli', 'validation', [{ a: 'Q', b: 'S', label: 1, id: 0 }]],
  ['rte', 'validation', [{ a: 'A', b: 'B', label: 0, id: 0 }]],
  ['wnli', 'validation', [{ a: 'A', b: 'B', label: 1, id: 0 }]],
  ['ax', 'test', [{ a: 'A', b: 'B', label: NaN, id: 0 }]],
];
for (const [task, split, rows] of expectations) {
  test(`${task} ${split} from the official TSV layout`, async () => {
    const found = await load('tsv', task, split);
    assert.deepEqual(found.rows, rows);
    assert.equal(found.skipped, task === 'qqp' ? 1 : 0);
  });
}

test("Hugging Face's Parquet layout, in shards, with -1 for missing labels", async () => {
  const write = (path: string, columns: Record<string, unknown[]>) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    const columnData = Object.entries(columns).map(([name, data]) => ({ name, data }));
    parquetWriteFile({ filename: join(root, path), columnData: columnData });
  };
  write('hf/glue/mnli/validation_matched-00000-of-00002.parquet', {
    premise: ['P', 'Q'],
    hypothesis: ['H', 'I'],
    label: [0n, 2n],
    idx: [0, 1],
  });
  write('hf/glue/mnli/validation_matched-00001-of-00002.parquet', {
    premise: ['R'],
    hypothesis: ['J'],
    label: [1n],
    idx: [2],
  });
  write('hf/glue/sst2/test-00000-of-00001.parquet', { sentence: ['fine .'], label: [-1n], idx: [0] });
  write('hf/glue/stsb/train-00000-of-00001.parquet', { sentence1: ['A'], sentence2: ['B'], label: [3.25], idx: [0] });
  write('hf/glue/rte/train-00000-of-00001.parquet', { sentence1: ['A'], sentence2: ['B'], label: [-1n], idx: [0] });
  write('hf/glue/wnli/train-00001-of-00002.parquet', { sentence1: ['A'], sentence2: ['B'], label: [0n], idx: [0] });
  write('hf/glue/cola/train-00000-of-00002.parquet', { sentence: ['A'], label: [0n], idx: [0] });
  put('hf/glue/qnli/train-00000-of-00001.parquet', 'not Parquet at all, but long enough');
  for (const folder of ['hf', 'hf/glue']) {
    const { rows, files } = await load(folder, 'mnli', 'validation');
    assert.equal(files.length, 2);
    assert.deepEqual(
      rows,
      [
        ['P', 'H', 0],
        ['Q', 'I', 2],
        ['R', 'J', 1],
      ].map(([a, b, label], id) => ({ a, b, label, id })),
    );
  }
  assert.deepEqual((await load('hf/glue/sst2', 'sst2', 'test')).rows, [{ a: 'fine .', label: NaN, id: 0 }]);
  assert.equal((await load('hf', 'stsb', 'train')).rows[0]!.label, 3.25);
  await assert.rejects(load('hf', 'rte', 'train'), {
    code: 'ERR_LABEL_UNKNOWN',
    message: /record 1: expected a label of .* received "-1"/,
  });
  await assert.rejects(load('hf', 'wnli', 'train'), {
    code: 'ERR_DATA_INVALID',
    message: /expected 2 Parquet files of train, received train-00001-of-00002/,
  });
  await assert.rejects(load('hf', 'cola', 'train'), { code: 'ERR_DATA_INVALID', message: /expected 2 Parquet files/ });
  await assert.rejects(load('hf', 'qnli', 'train'), { code: 'ERR_DATA_INVALID', message: /not readable as Parquet/ });
});

test('a task folder in another spelling, or given itself', async () => {
  put('spelled/sst_2/dev.tsv', 'sentence\tlabel\nx\t1\n');
  assert.equal((await load('spelled', 'sst2', 'dev')).rows.length, 1);
  assert.equal((await load('tsv/SST-2', 'sst2', 'dev')).rows.length, 2);
});

const failures: [string, string, GlueName, string, string, RegExp, RegExp][] = [
  [
    'a label the task does not have',
    'sentence\tlabel\nx\t1\ny\t2\n',
    'sst2',
    'dev',
    'ERR_LABEL_UNKNOWN',
    /dev\.tsv:3: expected a label of "negative", "positive", received "2"/,
    /Mend the row/,
  ],
  [
    'a misspelled label',
    'index\tquestion\tsentence\tlabel\n0\tQ\tS\tentailmant\n',
    'qnli',
    'dev',
    'ERR_LABEL_UNKNOWN',
    /dev\.tsv:2: .*"entailmant"/,
    /Did you mean "entailment"/,
  ],
  [
    'an empty label',
    'sentence\tlabel\nx\t\n',
    'sst2',
    'dev',
    'ERR_DATA_INVALID',
    /dev\.tsv:2: the label is missing/,
    /label/,
  ],
  ['-1 outside of test', 'sentence\tlabel\nx\t-1\n', 'sst2', 'dev', 'ERR_LABEL_UNKNOWN', /dev\.tsv:2/, /Mend/],
  [
    'a score that is no number',
    'sentence1\tsentence2\tscore\nx\ty\thigh\n',
    'stsb',
    'dev',
    'ERR_DATA_INVALID',
    /dev\.tsv:2: expected a number as label, received "high"/,
    /Mend/,
  ],
  [
    'a score out of range',
    'sentence1\tsentence2\tscore\nx\ty\t5.5\n',
    'stsb',
    'dev',
    'ERR_DATA_INVALID',
    /dev\.tsv:2: expected a label from 0 to 5, received 5.5/,
    /Mend/,
  ],
  [
    'a missing column',
    'sentense\tlabel\nx\t1\n',
    'sst2',
    'dev',
    'ERR_DATA_INVALID',
    /no column "sentence"; the columns are "sentense", "label"/,
    /Did you mean "sentense"/,
  ],
  [
    'no label column',
    'index\tsentence\n0\tx\n',
    'sst2',
    'dev',
    'ERR_DATA_INVALID',
    /no column "label"/,
    /belongs to this task/,
  ],
  [
    'a short row',
    'sentence\tlabel\nx\t1\nalone\n',
    'sst2',
    'dev',
    'ERR_DATA_INVALID',
    /dev\.tsv:3: expected 2 columns/,
    /Mend or remove/,
  ],
  ['an empty file', '', 'sst2', 'dev', 'ERR_DATA_INVALID', /dev\.tsv: the file is empty/, /again/],
];
for (const [i, [what, content, task, split, code, message, remedy]] of failures.entries()) {
  test(`${what}: ${code} with file and line`, async () => {
    put(`bad${i}/${glueTasks[task].tsv.folder}/dev.tsv`, content);
    await assert.rejects(load(`bad${i}`, task, split), { name: 'LrdistError', code, message, remedy });
  });
}

test('broken rows of other tasks are left out on demand', async () => {
  put('skip/SST-2/dev.tsv', 'sentence\tlabel\nx\t1\nalone\n');
  const found = await load('skip', 'sst2', 'dev', { skipBroken: true });
  assert.deepEqual([found.rows.length, found.skipped], [1, 1]);
});

test('what is not there: ERR_DATA_NOT_FOUND with what is', async () => {
  const notFound = { name: 'LrdistError', code: 'ERR_DATA_NOT_FOUND' };
  await assert.rejects(load('tvs', 'rte', 'dev'), { ...notFound, remedy: /Did you mean .*tsv\?/ });
  put('near/MRCP/train.tsv', '');
  await assert.rejects(load('near', 'mrpc', 'train'), {
    ...notFound,
    message: /no folder MRPC/,
    remedy: /nearest name is MRCP\. It holds: MRCP/,
  });
  await assert.rejects(load('tsv', 'rte', 'test'), {
    ...notFound,
    message: /test split of rte/,
    remedy: /Expected test\.tsv .* found dev\.tsv/,
  });
});

test('task and split names', () => {
  assert.equal(glueTask('MNLI').name, 'mnli');
  assert.throws(() => glueTask('SST-2'), {
    code: 'ERR_INVALID_OPTION',
    remedy: /Did you mean sst2\?.*cola, sst2, mrpc/,
  });
  assert.equal(glueSplit(glueTask('mnli'), 'dev'), 'validation_matched');
  assert.equal(glueSplit(glueTask('mnli'), 'test_mismatched'), 'test_mismatched');
  assert.throws(() => glueSplit(glueTask('rte'), 'validation_matched'), {
    code: 'ERR_INVALID_OPTION',
    remedy: /train, validation, test/,
  });
  assert.throws(() => glueSplit(glueTask('ax'), 'train'), { code: 'ERR_INVALID_OPTION' });
});

test('the table: nine tasks and the diagnostic set, with as many texts in either layout', () => {
  assert.equal(glueNames.length, 10);
  for (const task of Object.values(glueTasks)) {
    assert.equal(task.tsv.texts.length, task.textColumns.length);
    assert.deepEqual(Object.keys(task.tsv.files).sort(), [...task.splits].sort());
    assert.ok(task.metrics.includes(task.mainMetric));
  }
});

const data = dataFolder();
test('real files: rows and class counts as published', {
  skip: data === undefined && 'no real data here',
}, async () => {
  const counts: [GlueName, string, number[]][] = [
    ['cola', 'validation', [322, 721]],
    ['sst2', 'validation', [428, 444]],
    ['mrpc', 'train', [1194, 2474]],
    ['mrpc', 'validation', [129, 279]],
    ['rte', 'train', [1249, 1241]],
    ['wnli', 'train', [323, 312]],
    ['qnli', 'validation', [2702, 2761]],
    ['mnli', 'validation_matched', [3479, 3123, 3213]],
    ['mnli', 'validation_mismatched', [3463, 3129, 3240]],
  ];
  for (const [task, split, expected] of counts) {
    const { rows } = await loadGlue(join(data!, 'glue'), glueTask(task), split);
    assert.deepEqual(
      expected.map((_, label) => rows.filter((row) => row.label === label).length),
      expected,
      `${task} ${split}`,
    );
    assert.equal(
      rows.length,
      expected.reduce((x, y) => x + y),
    );
  }
  assert.equal((await loadGlue(join(data!, 'glue'), glueTask('ax'), 'test')).rows.length, 1104);
});
