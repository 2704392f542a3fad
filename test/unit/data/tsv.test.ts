import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCsv, readTsv } from '../../../lib/data/tsv.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const root = temporaryFolder();
let count = 0;
function file(content: string | Buffer, suffix = 'tsv'): string {
  const path = join(root, `${count++}.${suffix}`);
  writeFileSync(path, content);
  return path;
}
const cellsOf = (table: { records: readonly { cells: readonly unknown[] }[] }) =>
  table.records.map(({ cells }) => cells);

// Characters that readers stumble over: quotes, CR, NEL, line and paragraph separators, NUL, a byte order mark, astral ones.
const unit = fc.oneof(
  fc.constantFrom('"', "'", '\\', ',', '\r', '\u0085', '\u2028', '\u2029', '\0', '\ufeff', '#', ' ', '😀', 'é'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
);
const cell = fc.array(unit, { maxLength: 12 }).map((units) => units.join(''));
const tsvCell = cell.map((text) => text.replaceAll(/[\t\n]/g, ' ').toWellFormed());

test('whatever has no tab and no LF comes back from a TSV file as it was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(tsvCell, tsvCell, tsvCell), { minLength: 1, maxLength: 20 }), async (rows) => {
      const table = await readTsv(file(`a\tb\tc\n${rows.map((row) => `${row.join('\t')}\n`).join('')}`));
      assert.deepEqual(table.columns, ['a', 'b', 'c']);
      assert.deepEqual(cellsOf(table), rows);
      assert.deepEqual(
        table.records.map(({ at }) => at),
        rows.map((_, i) => i + 2),
      );
    }),
    { numRuns: 100 },
  );
});

test('whatever is quoted comes back from a CSV file as it was, with the line it starts on', async () => {
  const csvCell = fc
    .oneof(
      cell,
      cell.map((text) => `${text}\n${text}`),
    )
    .map((text) => text.toWellFormed());
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(csvCell, csvCell), { minLength: 1, maxLength: 20 }),
      fc.constantFrom('\n', '\r\n'),
      async (rows, end) => {
        const lines = rows.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(','));
        const table = await readCsv(file(['a,b', ...lines, ''].join(end), 'csv'));
        assert.deepEqual(cellsOf(table), rows);
      },
    ),
    { numRuns: 100 },
  );
  const table = await readCsv(file('text,label\n"one\ntwo",1\nthree,0\n\nfour,1', 'csv'));
  assert.deepEqual(
    table.records.map(({ at, index }) => [at, index]),
    [
      [2, 0],
      [4, 1],
      [6, 2],
    ],
  );
});

test('a byte order mark is no part of the first column', async () => {
  assert.deepEqual((await readTsv(file('\ufeffQuality\ttext\n1\tx\n'))).columns, ['Quality', 'text']);
  assert.deepEqual((await readCsv(file('\ufefftext,label\nx,1\n', 'csv'))).columns, ['text', 'label']);
});

test('quotes are ordinary characters in TSV', async () => {
  const table = await readTsv(file('sentence\tlabel\n"open\t1\na "b" c\t0\n""\t1\n'));
  assert.deepEqual(cellsOf(table), [
    ['"open', '1'],
    ['a "b" c', '0'],
    ['""', '1'],
  ]);
});

test('a quote inside an unquoted CSV field is kept, as pandas keeps it', async () => {
  assert.deepEqual(cellsOf(await readCsv(file('text,label\nhe said "yes" twice,1\n', 'csv'))), [
    ['he said "yes" twice', '1'],
  ]);
});

test('CRLF files lose their CR; in an LF file a CR stays', async () => {
  assert.deepEqual(cellsOf(await readTsv(file('a\tb\r\nx\ty\r\n'))), [['x', 'y']]);
  assert.deepEqual(cellsOf(await readTsv(file('a\tb\nx\ty\r\n'))), [['x', 'y\r']]);
});

test('blank lines are ignored, but counted as lines', async () => {
  const table = await readTsv(file('a\tb\n\nx\ty\n\n\nz\tw\n\n'));
  assert.deepEqual(
    table.records.map(({ at, index }) => [at, index]),
    [
      [3, 0],
      [6, 1],
    ],
  );
});

test('a header can be given', async () => {
  assert.deepEqual(cellsOf(await readTsv(file('x\t1\n'), { columns: ['sentence', 'label'] })), [['x', '1']]);
});

test('broken rows are skipped and counted if asked', async () => {
  const table = await readTsv(file('a\tb\nx\ty\nshort\nz\tw\tlong\nv\tu\n'), { skipBroken: true });
  assert.deepEqual(
    table.records.map(({ cells, index }) => [...cells, index]),
    [
      ['x', 'y', 0],
      ['v', 'u', 3],
    ],
  );
  assert.equal(table.skipped, 2);
});

const broken: [string, string | Buffer, RegExp][] = [
  ['an empty file', '', /: the file is empty/],
  ['a header only', 'a\tb\n', /: the file has no rows/],
  ['a short row', 'a\tb\nx\ty\nx\n', /\.tsv:3: expected 2 columns \(a, b\), received 1/],
  ['a long row', 'a\tb\nx\ty\tz\n', /\.tsv:2: expected 2 columns \(a, b\), received 3/],
  ['a column twice', 'a\ta\nx\ty\n', /\.tsv:1: column "a" occurs twice/],
  [
    'text that is not UTF-8',
    Buffer.concat([Buffer.from('a\tb\nx\ty\nz\t'), Buffer.of(0xff, 0xfe, 0x0a)]),
    /\.tsv:3: not UTF-8/,
  ],
  ['UTF-16', Buffer.from('\ufeffa\tb\nx\ty\n', 'utf16le'), /\.tsv:1: not UTF-8/],
];
for (const [what, content, message] of broken) {
  test(`${what}: ERR_DATA_INVALID with the place`, async () => {
    const path = file(content);
    await assert.rejects(readTsv(path), (error: Error & { code: string; remedy: string }) => {
      assert.equal(error.code, 'ERR_DATA_INVALID');
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(path) && error.remedy.length > 0);
      return true;
    });
  });
}

test('only broken rows left: ERR_DATA_INVALID', async () => {
  await assert.rejects(readTsv(file('a\tb\nx\n'), { skipBroken: true }), {
    code: 'ERR_DATA_INVALID',
    message: /all 1 rows are broken/,
  });
});

test('a CSV quote that never closes: ERR_DATA_INVALID with the line', async () => {
  await assert.rejects(readCsv(file('a,b\nx,y\n"open,1\nz,2\n', 'csv')), {
    code: 'ERR_DATA_INVALID',
    message: /\.csv:\d+: not readable as comma-separated/,
  });
});

test('no file: ERR_DATA_NOT_FOUND; a folder: ERR_READ', async () => {
  await assert.rejects(readTsv(join(root, 'none.tsv')), { code: 'ERR_DATA_NOT_FOUND' });
  await assert.rejects(readTsv(root), { code: 'ERR_READ' });
});

test('abort rejects with its reason', async () => {
  const path = file(`a\tb\n${'x\ty\n'.repeat(200_000)}`);
  await assert.rejects(readTsv(path, { signal: AbortSignal.abort(new Error('early')) }), { message: 'early' });
  const controller = new AbortController();
  const reading = readTsv(path, { signal: controller.signal });
  setTimeout(() => controller.abort(new Error('late')), 30);
  await assert.rejects(reading, { message: 'late' });
});
