// The process is left while a session trains: the exit code is the one asked for, never a crash.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const fixture = fileURLToPath(new URL('./fixtures/leave.ts', import.meta.url));

async function leave(way: string, delay = 0, whenTraining: (child: ReturnType<typeof spawn>) => void = () => {}) {
  const child = spawn(process.execPath, [fixture, way, String(delay)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
    if (String(data).includes('training')) whenTraining(child);
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, stdout, stderr };
}

/** Runs two at a time, the moment of leaving a little later each time. */
async function repeatedly(times: number, way: string, check: (end: Awaited<ReturnType<typeof leave>>) => void) {
  for (let i = 0; i < times; i += 2) {
    for (const end of await Promise.all([leave(way, 3 * i), leave(way, 3 * i + 1)])) check(end);
  }
}

const left = (code: number) => (end: Awaited<ReturnType<typeof leave>>) => {
  assert.deepEqual({ code: end.code, signal: end.signal }, { code, signal: null }, end.stderr);
  assert.match(end.stdout, /^at exit: ERR_DISPOSED$/m);
};

test('process.exit() while training', () => repeatedly(12, 'exit', left(7)));

test('process.exit() of the main thread while a worker thread trains', () =>
  repeatedly(4, 'exit-while-worker-trains', left(7)));

test('process.exit() inside an event listener', () => repeatedly(2, 'exit-in-listener', left(7)));

test('an uncaught exception while training', () =>
  repeatedly(6, 'throw', (end) => {
    left(1)(end);
    assert.match(end.stderr, /thrown on purpose/);
  }));

test('an exception in an event listener is an uncaught exception', async () => {
  const end = await leave('throw-in-listener');
  left(1)(end);
  assert.match(end.stderr, /thrown on purpose/);
});

test('an exception in an event listener that the program catches leaves the job alone', async () => {
  const end = await leave('catch-in-listener');
  left(0)(end);
  assert.match(end.stdout, /^20 true$/m);
});

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  test(`${name} while training ends the process as it would any other`, async () => {
    const end = await leave('signal', 0, (child) => child.kill(name));
    assert.deepEqual({ code: end.code, signal: end.signal }, { code: null, signal: name }, end.stderr);
  });
}

test('a pending promise keeps the process alive', async () => {
  const end = await leave('pending');
  left(0)(end);
  assert.match(end.stdout, /^200 steps$/m);
});

test('an idle session does not keep the process alive', async () => left(0)(await leave('idle')));
