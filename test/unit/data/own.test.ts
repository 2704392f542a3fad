import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parquetWriteFile } from 'hyparquet-writer';
import { loadOwnFiles, type OwnFilesOptions } from '../../../lib/data/own.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const root = temporaryFolder();
let count = 0;
function file(name: string, content: string): string {
  const path = join(root, `${count++}-${name}`);
  writeFileSync(path, content);
  return path;
}
const train = async (name: string, content: string, options?: OwnFilesOptions) =>
  loadOwnFiles({ train: file(name, content) }, options);

test('CSV, TSV, JSON lines, a JSON array and Parquet give the same rows', async () => {
  const parquet = join(root, 'rows.parquet');
  parquetWriteFile({
    filename: parquet,
    columnData: [
      { name: 'text', data: ['one', 'two'] },
      { name: 'label', data: ['no', 'yes'] },
    ],
  });
  const paths = [
    file('rows.csv', 'text,label\none,no\ntwo,yes\n'),
    file('rows.tsv', 'text\tlabel\none\tno\ntwo\tyes\n'),
    file('rows.jsonl', '{"text":"one","label":"no"}\n\n{"label":"yes","text":"two"}\n'),
    file('rows.json', '[{"text":"one","label":"no"},{"text":"two","label":"yes"}]'),
    parquet,
  ];
  for (const path of paths) {
    const { shape, splits } = await loadOwnFiles({ train: path });
    assert.deepEqual(shape, { textColumns: ['text'], labelColumn: 'label', labels: ['no', 'yes'] }, path);
    assert.deepEqual(
      splits.train!.rows,
      [
        { a: 'one', label: 0, id: 0 },
        { a: 'two', label: 1, id: 1 },
      ],
      path,
    );
    assert.deepEqual(splits.train!.files, [path]);
  }
});

test('text columns as run_glue chooses them', async () => {
  const columns = async (header: string, options?: OwnFilesOptions) => {
    const n = header.split(',').length;
    const row = (last: string) =>
      header
        .split(',')
        .map((name) => (name === 'label' ? last : 'x'))
        .join(',');
    assert.ok(n > 0);
    return (await train('c.csv', `${header}\n${row('0')}\n${row('1')}\n`, options)).shape.textColumns;
  };
  assert.deepEqual(await columns('title,sentence2,sentence1,label'), ['sentence1', 'sentence2']);
  assert.deepEqual(await columns('label,question,answer,source'), ['question', 'answer']);
  assert.deepEqual(await columns('text,label'), ['text']);
  assert.deepEqual(await columns('idx,text,label,id'), ['text']);
  assert.deepEqual(await columns('title,body,label', { textColumns: ['body'] }), ['body']);
  await assert.rejects(columns('title,body,label', { textColumns: ['bodi'] }), {
    code: 'ERR_DATA_INVALID',
    remedy: /Did you mean "body"/,
  });
  await assert.rejects(columns('a,b,c,label', { textColumns: ['a', 'b', 'c'] }), {
    code: 'ERR_DATA_INVALID',
    message: /one or two text columns, received 3/,
  });
  await assert.rejects(columns('label'), { code: 'ERR_DATA_INVALID', message: /received 0/ });
});

test('labels: whole numbers by value, names by code point, floating-point numbers are a regression', async () => {
  const labels = async (...values: string[]) =>
    (await train('l.csv', `text,label\n${values.map((v) => `x,${v}\n`).join('')}`)).shape.labels;
  assert.deepEqual(await labels('10', '9', '-1', '10'), ['-1', '9', '10']);
  assert.deepEqual(await labels('b', 'B', 'a', '\u{1F600}', '\uFB01'), ['B', 'a', 'b', '\uFB01', '\u{1F600}']);
  assert.equal(await labels('1', '2.5', '3'), null);
  assert.equal(await labels('1.0', '2.0'), null);
  assert.equal(await labels('1e-3', '2'), null);
  assert.deepEqual(await labels('1', 'two'), ['1', 'two']);
});

test('in JSON the spelling of a number decides as well', async () => {
  const shape = async (a: string, b: string) =>
    (await train('n.jsonl', `{"text":"x","label":${a}}\n{"text":"y","label":${b}}\n`)).shape;
  assert.deepEqual((await shape('1', '0')).labels, ['0', '1']);
  assert.equal((await shape('1.0', '0.0')).labels, null);
  assert.deepEqual((await shape('true', 'false')).labels, ['false', 'true']);
});

test('whole numbers map to their place in the sorted list, not to themselves', async () => {
  const { splits } = await train('m.csv', 'text,label\nx,7\ny,5\nz,7\n');
  assert.deepEqual(
    splits.train!.rows.map(({ label }) => label),
    [1, 0, 1],
  );
});

test('regression by choice, classes by choice, class names by choice', async () => {
  const text = 'text,label\nx,1\ny,2\n';
  const regression = await train('r.csv', text, { regression: true });
  assert.equal(regression.shape.labels, null);
  assert.deepEqual(
    regression.splits.train!.rows.map(({ label }) => label),
    [1, 2],
  );
  assert.deepEqual((await train('r.csv', 'text,label\nx,1.5\ny,2.5\n', { regression: false })).shape.labels, [
    '1.5',
    '2.5',
  ]);
  const named = await train('r.csv', 'text,label\nx,good\ny,bad\n', { labels: ['good', 'bad', 'odd'] });
  assert.deepEqual(
    named.splits.train!.rows.map(({ label }) => label),
    [0, 1],
  );
});

test('train, validation and test; the test file may lack labels', async () => {
  const files = {
    train: file('t.csv', 'a,b,label\nx,y,0\nz,w,1\n'),
    validation: file('v.jsonl', '{"label":1,"a":"p","b":"q"}\n'),
    test: file('s.tsv', 'b\ta\nsecond\tfirst\n'),
  };
  const { shape, splits } = await loadOwnFiles(files);
  assert.deepEqual(shape.textColumns, ['a', 'b']);
  assert.deepEqual(splits.validation!.rows, [{ a: 'p', b: 'q', label: 1, id: 0 }]);
  assert.deepEqual(splits.test!.rows, [{ a: 'first', b: 'second', label: NaN, id: 0 }]);
});

test('-1 in a test file is a missing class, but may be a regression target', async () => {
  const testFile = file('s.csv', 'text,label\nx,-1\n');
  const of = async (options: OwnFilesOptions) =>
    (await loadOwnFiles({ test: testFile }, options)).splits.test!.rows[0]!.label;
  assert.equal(await of({ labels: ['no', 'yes'] }), NaN);
  assert.equal(await of({ regression: true }), -1);
});

test('a label column of another name', async () => {
  const { splits } = await train('k.csv', 'label,class\nx,0\ny,1\n', { labelColumn: 'class' });
  assert.deepEqual(
    splits.train!.rows.map(({ a, label }) => [a, label]),
    [
      ['x', 0],
      ['y', 1],
    ],
  );
});

test('only a test file, with the classes of a model', async () => {
  const { splits } = await loadOwnFiles({ test: file('only.csv', 'text\nx\n') }, { labels: ['no', 'yes'] });
  assert.deepEqual(splits.test!.rows, [{ a: 'x', label: NaN, id: 0 }]);
});

const failures: [string, string, string, string, RegExp][] = [
  [
    'a row without text',
    'x.jsonl',
    '{"text":"x","label":0}\n{"label":1}\n',
    'ERR_DATA_INVALID',
    /x\.jsonl:2: expected text in column "text", received nothing/,
  ],
  [
    'a number as text',
    'x.json',
    '[{"text":"x","label":0},{"text":5,"label":1}]',
    'ERR_DATA_INVALID',
    /record 2: expected text in column "text", received 5/,
  ],
  ['no label column', 'x.csv', 'text,lable\nx,1\n', 'ERR_DATA_INVALID', /no column "label"/],
  [
    'one label only',
    'x.csv',
    'text,label\nx,1\ny,1\n',
    'ERR_DATA_INVALID',
    /at least two different labels, received 1/,
  ],
  ['a missing label', 'x.csv', 'text,label\nx,1\ny,\nz,0\n', 'ERR_DATA_INVALID', /x\.csv:3: the label is missing/],
  ['a broken JSON line', 'x.jsonl', '{"text":"x","label":0}\n{"text":\n', 'ERR_DATA_INVALID', /x\.jsonl:2: not JSON/],
  ['a broken JSON array', 'x.json', '[{"text":"x"', 'ERR_DATA_INVALID', /x\.json: not JSON/],
  [
    'a JSON line that is no object',
    'x.jsonl',
    '{"text":"x","label":0}\n[1]\n',
    'ERR_DATA_INVALID',
    /x\.jsonl:2: expected a JSON object, received an array/,
  ],
  [
    'a nested value',
    'x.jsonl',
    '{"text":{"a":1},"label":0}\n',
    'ERR_DATA_INVALID',
    /column text: expected text or a number, received an object/,
  ],
  ['an empty array', 'x.json', '[]', 'ERR_DATA_INVALID', /no rows/],
  ['an unknown format', 'x.xlsx', 'zip', 'ERR_INVALID_OPTION', /format is not known/],
];
for (const [what, name, content, code, message] of failures) {
  test(`${what}: ${code}`, async () => {
    await assert.rejects(train(name, content), { name: 'LrdistError', code, message, remedy: /./ });
  });
}

test('a label of validation that train does not have: ERR_LABEL_UNKNOWN', async () => {
  const files = {
    train: file('t.csv', 'text,label\nx,red\ny,green\n'),
    validation: file('v.csv', 'text,label\nx,greem\n'),
  };
  await assert.rejects(loadOwnFiles(files), {
    code: 'ERR_LABEL_UNKNOWN',
    message: /v\.csv:2: .*"green", "red", received "greem"/,
    remedy: /Did you mean "green"/,
  });
});

test('no files at all: ERR_INVALID_OPTION; a file that is not there: ERR_DATA_NOT_FOUND', async () => {
  await assert.rejects(loadOwnFiles({}), { code: 'ERR_INVALID_OPTION' });
  await assert.rejects(loadOwnFiles({ train: join(root, 'none.csv') }), { code: 'ERR_DATA_NOT_FOUND' });
  await assert.rejects(loadOwnFiles({ train: join(root, 'none.parquet') }), { code: 'ERR_DATA_NOT_FOUND' });
});
