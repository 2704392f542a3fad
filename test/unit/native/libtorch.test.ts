import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findLibtorch, inspectLibtorch, type LookupOptions } from '../../../lib/native/libtorch.ts';
import { writeLibtorch } from '../../helpers/libtorch.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';

const root = temporaryFolder();
const own = writeLibtorch(join(root, 'own'), { version: '2.11.0' });
const python = writeLibtorch(join(root, 'python'), { version: '2.12.1' });
const recorded = writeLibtorch(join(root, 'recorded'));
const cached = writeLibtorch(join(root, 'cached'), { version: '2.14.1', cuda: true });
const old = writeLibtorch(join(root, 'old'), { version: '1.13.1', cxx11: false });

const everything: LookupOptions = {
  chosen: own,
  python: 'python3',
  recorded: [recorded],
  obtained: [cached],
  torchOf: () => python,
};

test('the order is LIBTORCH, a Python, the one used before, the one obtained before', () => {
  const order = [
    everything,
    { ...everything, chosen: undefined },
    { ...everything, chosen: undefined, python: undefined },
    { ...everything, chosen: undefined, python: undefined, recorded: [] },
  ].map((options) => findLibtorch(options).found);
  assert.deepEqual(
    order.map((found) => [found?.source, found?.version, found?.device, found?.path]),
    [
      ['LIBTORCH', '2.11.0', 'cpu', own],
      ['python', '2.12.1', 'cpu', python],
      ['recorded', '2.13.0', 'cpu', recorded],
      ['cache', '2.14.1', 'cuda', cached],
    ],
  );
});

test('every step is explained, and nothing found is no error', () => {
  const { found, steps } = findLibtorch({ recorded: [join(root, 'gone')], obtained: [], torchOf: () => undefined });
  assert.equal(found, undefined);
  assert.equal(steps.length, 4);
  assert.match(steps[0]!, /LIBTORCH: not set/);
  assert.match(steps[1]!, /Python: not asked for/);
  assert.match(steps[2]!, /used before: .*gone is not a whole libtorch/);
  assert.match(steps[3]!, /obtained before: none/);
});

test('a recorded libtorch that is gone gives way to the next', () => {
  const { found } = findLibtorch({
    recorded: [join(root, 'gone'), recorded],
    obtained: [cached],
    torchOf: () => undefined,
  });
  assert.equal(found?.path, recorded);
});

test("a user's own choice is never passed over", () => {
  assert.throws(() => findLibtorch({ ...everything, chosen: join(root, 'nowhere') }), {
    code: 'ERR_LIBTORCH_NOT_FOUND',
    message: /nowhere .*missing .*libc10/,
  });
  assert.throws(() => findLibtorch({ ...everything, chosen: undefined, torchOf: () => undefined }), {
    code: 'ERR_LIBTORCH_NOT_FOUND',
    message: /python3 has no torch/,
  });
});

test('versions outside the range are refused unless asked for', () => {
  assert.throws(() => findLibtorch({ ...everything, chosen: old }), {
    code: 'ERR_LIBTORCH_VERSION',
    message: /1\.13\.1.*2\.11 to 2\.14/,
  });
  assert.equal(findLibtorch({ ...everything, chosen: old, anyVersion: true }).found?.version, '1.13.1');
  const next = writeLibtorch(join(root, 'next'), { version: '2.15.0' });
  assert.throws(() => findLibtorch({ ...everything, chosen: next }), { code: 'ERR_LIBTORCH_VERSION' });
});

test('the C++ ABI is read from the library', () => {
  assert.equal(inspectLibtorch(own).cxx11Abi, true);
  assert.equal(inspectLibtorch(old).cxx11Abi, false);
});

test('a libtorch that lacks a part is named with what it lacks', () => {
  const broken = writeLibtorch(join(root, 'broken'));
  rmSync(join(broken, 'lib/libtorch_cpu.so'));
  assert.throws(() => inspectLibtorch(broken), {
    code: 'ERR_LIBTORCH_NOT_FOUND',
    message: /missing lib\/libtorch_cpu\.so\)/,
  });
});
