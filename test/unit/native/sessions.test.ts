import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** Runs a program that has `session(name)`, which logs when it is closed. Returns what it printed. */
function run(program: string): string {
  const module = new URL('../../../lib/native/sessions.ts', import.meta.url).href;
  const text = `
    import { trackSession, untrackSession } from ${JSON.stringify(module)};
    const session = (name) => ({ closeSync: () => { console.log('closed ' + name); if (name === 'bad') throw new Error('no'); } });
    ${program}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' }).stdout.trim();
}

test('leaving the process closes the sessions that still live', () => {
  const output = run(`
    const [a, b] = [session('a'), session('b')];
    trackSession(a); trackSession(b); untrackSession(a);
    process.exit(0);`);
  assert.equal(output, 'closed b');
});

test('one session that fails to close does not keep the others open', () => {
  assert.equal(
    run(`trackSession(session('bad')); trackSession(session('good')); process.exit(0);`),
    'closed bad\nclosed good',
  );
});

test('an uncaught exception closes them too, and there is one listener however many they are', () => {
  const output = run(`
    for (let i = 0; i < 20; i++) trackSession(session(i));
    console.log(process.listenerCount('exit'));
    throw new Error('unexpected');`);
  assert.match(output, /^1\nclosed 0\n[^]*closed 19$/);
});
