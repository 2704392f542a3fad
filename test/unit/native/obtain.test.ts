import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { silent, type Notices } from '../../../lib/native/notice.ts';
import { obtainLibtorch } from '../../../lib/native/obtain.ts';
import { obtainedFolders } from '../../../lib/native/obtained.ts';
import { fakeElf } from '../../helpers/elf.ts';
import { fakePip, offer } from '../../helpers/fake-pip.ts';
import { wheelFiles } from '../../helpers/libtorch.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';
import { makeZip } from '../../helpers/zip.ts';

const cpuWheel = makeZip(wheelFiles());

/** A cache folder and a pip that offers these wheels. */
function place(
  wheels: Readonly<Record<string, readonly [name: string, bytes: Buffer]>>,
  pip: Parameters<typeof fakePip>[1] = {},
) {
  const folder = temporaryFolder();
  const { python, index, log } = fakePip(folder, pip);
  for (const [requirement, [name, bytes]] of Object.entries(wheels)) offer(index, requirement, name, bytes);
  const cache = join(folder, 'cache');
  const calls = (): string[][] =>
    existsSync(log)
      ? readFileSync(log, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as string[])
      : [];
  return { cache, python, calls, left: () => readdirSync(join(cache, 'libtorch')) };
}

function listening(): { notices: Notices; lines: string[] } {
  const lines: string[] = [];
  return { lines, notices: { ...silent, say: (line) => void lines.push(line) } };
}

test('a CPU wheel is unpacked: headers and the needed libraries, nothing of Python', async () => {
  const { cache, python, left } = place({ 'torch==2.13.0+cpu': ['torch-2.13.0+cpu-cp311.whl', cpuWheel] });
  const { notices, lines } = listening();
  const folder = await obtainLibtorch({ cache, python, device: 'cpu', notices, checksums: {} });
  assert.equal(folder, join(cache, 'libtorch/2.13.0-cpu/torch'));
  assert.deepEqual(readdirSync(join(folder, 'lib')).sort(), ['libc10.so', 'libtorch_cpu.so']);
  assert.ok(existsSync(join(folder, 'include/ATen/ATen.h')));
  assert.ok(!existsSync(join(folder, '__init__.py')));
  assert.deepEqual(left(), ['2.13.0-cpu']);
  assert.deepEqual(obtainedFolders(cache, 'cpu'), [folder]);
  assert.match(lines[0]!, /2\.13\.0 \(cpu\).*about 200 MB/);
  assert.ok(lines.some((line) => /Downloading torch-2\.13\.0\+cpu.* kB/.test(line)));
});

test('the second call obtains nothing', async () => {
  const { cache, python, calls } = place({ 'torch==2.13.0+cpu': ['torch-2.13.0+cpu-cp311.whl', cpuWheel] });
  const options = { cache, python, device: 'cpu', notices: silent, checksums: {} } as const;
  const first = await obtainLibtorch(options);
  assert.equal(await obtainLibtorch(options), first);
  assert.equal(calls().length, 1);
});

test('an obtained library that was cut short counts as none', async () => {
  const { cache, python, calls } = place({ 'torch==2.13.0+cpu': ['torch-2.13.0+cpu-cp311.whl', cpuWheel] });
  const options = { cache, python, device: 'cpu', notices: silent, checksums: {} } as const;
  const folder = await obtainLibtorch(options);
  truncateSync(join(folder, 'lib/libtorch_cpu.so'), 100);
  assert.deepEqual(obtainedFolders(cache, 'cpu'), []);
  await obtainLibtorch(options);
  assert.equal(calls().length, 2);
  assert.ok(statSync(join(folder, 'lib/libtorch_cpu.so')).size > 100);
});

test("where only the general build is offered, NVIDIA's wheels that its CPU library needs are added", async () => {
  const wheel = makeZip(
    wheelFiles({ cuda: true, needs: ['libcudart.so.13', 'libcupti.so.13'] }, [
      'cuda-toolkit[cublas,cudart,cupti]==13.0.3; platform_system == "Linux"',
      'nvidia-cudnn-cu13==9.20.0.48',
    ]),
  );
  const nvidia = makeZip({
    'nvidia/cu13/lib/libcudart.so.13': fakeElf(),
    'nvidia/cu13/lib/libcupti.so.13': fakeElf(),
    'nvidia/cu13/lib/libother.so.13': fakeElf(),
  });
  const { cache, python, calls } = place({
    'torch==2.13.0': ['torch-2.13.0-cp311.whl', wheel],
    'cuda-toolkit[cudart,cupti]==13.0.3': ['nvidia.whl', nvidia],
  });
  const folder = await obtainLibtorch({ cache, python, device: 'cpu', notices: silent, checksums: {} });
  assert.deepEqual(readdirSync(join(folder, 'lib')).sort(), ['libc10.so', 'libtorch_cpu.so']);
  assert.deepEqual(readdirSync(join(folder, '../nvidia/cu13/lib')).sort(), ['libcudart.so.13', 'libcupti.so.13']);
  const asked = calls().map((args) => args.at(-1));
  assert.deepEqual(asked, [
    'torch==2.13.0+cpu',
    'torch==2.13.0+cpu',
    'torch==2.13.0',
    'cuda-toolkit[cudart,cupti]==13.0.3',
  ]);
  assert.ok(calls()[1]!.includes('--extra-index-url'));
});

test('for CUDA the whole build and all of its companions are taken', async () => {
  const wheel = makeZip(wheelFiles({ cuda: true }, ['nvidia-nccl-cu13==2.29.7; platform_system == "Linux"']));
  const nccl = makeZip({ 'nvidia/nccl/lib/libnccl.so.2': fakeElf(), 'nvidia/nccl/include/nccl.h': '' });
  const { cache, python, calls } = place({
    'torch===2.13.0': ['torch-2.13.0-cp311.whl', wheel],
    'nvidia-nccl-cu13==2.29.7': ['nccl.whl', nccl],
  });
  const folder = await obtainLibtorch({ cache, python, device: 'cuda', notices: silent, checksums: {} });
  assert.deepEqual(readdirSync(join(folder, 'lib')).sort(), ['libc10.so', 'libtorch_cpu.so', 'libtorch_cuda.so']);
  assert.ok(existsSync(join(folder, '../nvidia/nccl/lib/libnccl.so.2')));
  assert.ok(!existsSync(join(folder, '../nvidia/nccl/include')));
  assert.deepEqual(
    calls().map((args) => args.at(-1)),
    ['torch===2.13.0', 'nvidia-nccl-cu13==2.29.7'],
  );
  assert.deepEqual(obtainedFolders(cache, 'cuda'), [folder]);
});

test('a library that no wheel brings is an error, and nothing stays', async () => {
  const wheel = makeZip(wheelFiles({ needs: ['libstrange.so.1'] }));
  const { cache, python, left } = place({ 'torch==2.13.0+cpu': ['torch-2.13.0+cpu-cp311.whl', wheel] });
  await assert.rejects(obtainLibtorch({ cache, python, device: 'cpu', notices: silent, checksums: {} }), {
    code: 'ERR_DOWNLOAD',
    message: /libstrange\.so\.1/,
  });
  assert.deepEqual(left(), []);
});

test('a wheel with another checksum than the recorded one is refused, and nothing stays', async () => {
  const name = 'torch-2.13.0+cpu-cp311.whl';
  const { cache, python, left } = place({ 'torch==2.13.0+cpu': [name, cpuWheel] });
  await assert.rejects(
    obtainLibtorch({ cache, python, device: 'cpu', notices: silent, checksums: { [name]: '0'.repeat(64) } }),
    { code: 'ERR_DOWNLOAD', message: /SHA-256.*expected 0000/ },
  );
  assert.deepEqual(left(), []);
});

test('a damaged entry or a file cut short is refused, and nothing stays', async () => {
  for (const bytes of [makeZip(wheelFiles(), ['torch/lib/libc10.so']), cpuWheel.subarray(0, cpuWheel.length - 200)]) {
    const { cache, python, left } = place({ 'torch==2.13.0+cpu': ['torch-2.13.0+cpu-cp311.whl', bytes] });
    await assert.rejects(obtainLibtorch({ cache, python, device: 'cpu', notices: silent, checksums: {} }), {
      code: 'ERR_DOWNLOAD',
      message: /cannot be unpacked/,
    });
    assert.deepEqual(left(), []);
  }
});

test('a download that is stopped leaves nothing and rejects with the reason', async () => {
  const { cache, python, left } = place(
    { 'torch==2.13.0+cpu': ['torch-2.13.0+cpu-cp311.whl', cpuWheel] },
    { hang: true },
  );
  const controller = new AbortController();
  const reason = new Error('enough');
  const tool = (line: string): void => {
    if (line === 'hanging') controller.abort(reason);
  };
  await assert.rejects(
    obtainLibtorch({
      cache,
      python,
      device: 'cpu',
      signal: controller.signal,
      notices: { ...silent, tool },
      checksums: {},
    }),
    reason,
  );
  assert.deepEqual(left(), []);
});

test('what somebody who was killed left behind is cleared away', async () => {
  const { cache, python, left } = place({ 'torch==2.13.0+cpu': ['torch-2.13.0+cpu-cp311.whl', cpuWheel] });
  mkdirSync(join(cache, 'libtorch/.new-abc/tree/torch'), { recursive: true });
  await obtainLibtorch({ cache, python, device: 'cpu', notices: silent, checksums: {} });
  assert.deepEqual(left(), ['2.13.0-cpu']);
});

test('two at once: one downloads, the other waits and finds it', async () => {
  const { cache, python, calls } = place({ 'torch==2.13.0+cpu': ['torch-2.13.0+cpu-cp311.whl', cpuWheel] });
  const options = { cache, python, device: 'cpu', notices: silent, checksums: {} } as const;
  const [a, b] = await Promise.all([obtainLibtorch(options), obtainLibtorch(options)]);
  assert.equal(a, b);
  assert.equal(calls().length, 1);
});

test("pip's last words are in the error", async () => {
  const { cache, python } = place({});
  await assert.rejects(obtainLibtorch({ cache, python, device: 'cpu', notices: silent, checksums: {} }), {
    code: 'ERR_DOWNLOAD',
    message: /No matching distribution found for torch==2\.13\.0/,
    remedy: /mirror/,
  });
});

test('an archive on disk needs no pip; its checksum is compared', async () => {
  const { cache } = place({});
  const archive = join(cache, '..', 'libtorch.zip');
  const files = Object.entries(wheelFiles()).filter(([name]) => name.startsWith('torch/'));
  const zip = makeZip(
    Object.fromEntries(files.map(([name, content]) => [name.replace('torch/', 'libtorch/'), content])),
  );
  writeFileSync(archive, zip);
  const options = { cache, archive, python: '/nonexistent', device: 'cpu', notices: silent } as const;
  await assert.rejects(obtainLibtorch({ ...options, sha256: '1'.repeat(64) }), {
    code: 'ERR_DOWNLOAD',
    message: /expected 1111/,
  });
  const sha256 = createHash('sha256').update(zip).digest('hex').toUpperCase();
  assert.equal(await obtainLibtorch({ ...options, sha256 }), join(cache, 'libtorch/2.13.0-cpu/libtorch'));
});

test('an archive without libtorch, or of another version, is refused', async () => {
  const { cache } = place({});
  const archive = join(cache, '..', 'other.zip');
  writeFileSync(archive, makeZip({ 'readme.txt': 'hello' }));
  await assert.rejects(obtainLibtorch({ cache, archive, device: 'cpu', notices: silent }), {
    code: 'ERR_DOWNLOAD',
    message: /libtorch_cpu/,
  });
  writeFileSync(archive, makeZip(wheelFiles({ version: '2.9.0' })));
  await assert.rejects(obtainLibtorch({ cache, archive, device: 'cpu', notices: silent }), {
    code: 'ERR_LIBTORCH_VERSION',
  });
  await assert.rejects(obtainLibtorch({ cache, archive: `${archive}.not`, device: 'cpu', notices: silent }), {
    code: 'ERR_DOWNLOAD',
    message: /not there/,
  });
});

test('an archive comes from an address; a connection that breaks leaves nothing', async (t) => {
  const server = createServer((request, response) => {
    if (request.url === '/missing.zip') response.writeHead(404).end();
    else {
      response.writeHead(200, { 'content-length': cpuWheel.length });
      if (request.url === '/broken.zip') response.write(cpuWheel.subarray(0, 100), () => response.destroy());
      else response.end(cpuWheel);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { cache, left } = place({});
  const progress: number[] = [];
  const options = {
    cache,
    device: 'cpu',
    notices: { ...silent, progress: (done: number) => void progress.push(done) },
  } as const;
  await assert.rejects(obtainLibtorch({ ...options, url: `${address}/missing.zip` }), {
    code: 'ERR_DOWNLOAD',
    message: /404/,
  });
  await assert.rejects(obtainLibtorch({ ...options, url: `${address}/broken.zip` }), { code: 'ERR_DOWNLOAD' });
  assert.deepEqual(left(), []);
  assert.ok(existsSync(await obtainLibtorch({ ...options, url: `${address}/torch.whl` })));
  assert.equal(progress.at(-1), cpuWheel.length);
});
