import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLrdistError } from '../../../lib/errors.ts';
import {
  dtypeBytes,
  type DType,
  makeHeader,
  maxHeaderBytes,
  parseHeader,
  readHeader,
} from '../../../lib/train/safetensors.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';
import { safetensorsBytes } from '../../helpers/tiny-bert.ts';

const bytesOf = (header: unknown): Uint8Array =>
  Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
const parse = (header: unknown, dataBytes: number) => {
  const text = bytesOf(header);
  return parseHeader('f', text, 8 + text.length + dataBytes);
};
const refused = (header: unknown, dataBytes: number, message: RegExp): void => {
  assert.throws(
    () => parse(header, dataBytes),
    (error) =>
      isLrdistError(error) &&
      error.code === 'ERR_SAFETENSORS' &&
      error.remedy !== undefined &&
      message.test(error.message),
  );
};
const f32 = (shape: number[], begin: number, end: number): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

test('what makeHeader plans is what parseHeader reads', () => {
  const tensor = fc.record({
    dtype: fc.constantFrom(...(Object.keys(dtypeBytes) as DType[])),
    shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
        { maxLength: 6 },
      ),
      fc.array(tensor, { minLength: 6, maxLength: 6 }),
      (names, tensors) => {
        const planned = names.map((name, i) => ({ name, ...tensors[i]! }));
        const text = makeHeader(planned, { format: 'pt' });
        const size = planned.reduce(
          (sum, { dtype, shape }) => sum + shape.reduce((product, n) => product * n, dtypeBytes[dtype]),
          0,
        );
        assert.equal(Buffer.byteLength(text) % 8, 0);
        const read = parse(text, size);
        assert.deepEqual(read.metadata, { format: 'pt' });
        assert.deepEqual([...read.tensors.keys()].sort(), [...names].sort());
        for (const { name, dtype, shape } of planned) {
          const entry = read.tensors.get(name)!;
          assert.equal(entry.dtype, dtype);
          assert.deepEqual(entry.shape, shape);
          assert.ok(entry.offset >= 8 + Buffer.byteLength(text));
        }
      },
    ),
  );
});

test('any damage to a valid file is an ERR_SAFETENSORS or harmless, never another error', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'x.safetensors');
  const whole = safetensorsBytes(
    makeHeader(
      [
        { name: 'a', dtype: 'F32', shape: [2, 3] },
        { name: 'b', dtype: 'I64', shape: [1] },
      ],
      {},
    ),
    new Uint8Array(32),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: whole.length }),
      fc.integer({ min: 0, max: whole.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
      async (length, at, byte) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        await writeFile(path, damaged.subarray(0, length));
        try {
          await readHeader(path);
        } catch (error) {
          assert.ok(isLrdistError(error) && error.code === 'ERR_SAFETENSORS', String(error));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('every truncation is refused', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'x.safetensors');
  const whole = safetensorsBytes(makeHeader([{ name: 'a', dtype: 'F32', shape: [4] }], {}), new Uint8Array(16));
  for (let length = 0; length < whole.length; length++) {
    await writeFile(path, whole.subarray(0, length));
    await assert.rejects(readHeader(path), { code: 'ERR_SAFETENSORS' }, `cut to ${length} bytes`);
  }
  await writeFile(path, whole);
  await readHeader(path);
});

test('a header longer than the limit is refused without being read', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'x.safetensors');
  const length = Buffer.alloc(16);
  length.writeBigUInt64LE(BigInt(maxHeaderBytes) + 1n);
  await writeFile(path, length);
  await assert.rejects(readHeader(path), { code: 'ERR_SAFETENSORS', message: /at most 100000000/ });
});

test('wrong headers are named', () => {
  refused('{"a": ', 0, /not JSON/);
  refused('[]', 0, /not a JSON object/);
  refused({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12, /overlaps/);
  refused({ a: f32([2], 0, 8), b: f32([2], 12, 20) }, 20, /4 bytes that belong to no tensor/);
  refused({ a: f32([2], 0, 8) }, 12, /4 bytes after its last tensor/);
  refused({ a: f32([2], 0, 8) }, 4, /ends at byte/);
  refused({ a: f32([3], 0, 8) }, 8, /needs 12 bytes/);
  refused({ a: f32([2], 8, 0) }, 8, /needs 8 bytes/);
  refused({ a: { dtype: 'F31', shape: [2], data_offsets: [0, 8] } }, 8, /unknown type F31/);
  refused({ a: { dtype: 'toString', shape: [2], data_offsets: [0, 8] } }, 8, /unknown type/);
  refused({ a: { dtype: 'F32', shape: [-2], data_offsets: [0, 8] } }, 8, /"a"/);
  refused({ a: { dtype: 'F32', shape: [2] } }, 8, /"a"/);
  refused({ a: { ...f32([2], 0, 8), more: 1 } }, 8, /"a"/);
  refused({ __metadata__: { format: 1 } }, 0, /__metadata__/);
  refused(
    `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`,
    8,
    /"a" twice/,
  );
  assert.throws(() => parseHeader('f', Buffer.from([0xff, 0xfe]), 10), {
    code: 'ERR_SAFETENSORS',
    message: /not UTF-8/,
  });
});

test('names that occur twice only inside entries are no duplicates', () => {
  const read = parse({ dtype: f32([1], 0, 4), shape: f32([1], 4, 8), 'a"b,{': f32([1], 8, 12) }, 12);
  assert.deepEqual([...read.tensors.keys()], ['dtype', 'shape', 'a"b,{']);
});
