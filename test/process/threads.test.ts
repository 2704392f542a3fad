import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { flat, openModel } from '../../lib/index.ts';
import { loadNative } from '../../lib/native/load.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyTask } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const linux = { skip: process.platform !== 'linux' && 'threads are counted in /proc' };

function threads(): string[] {
  return readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim());
}

test('as many threads compute as were asked for, and the process starts no others', linux, async () => {
  const path = join(work, 'model');
  await writeTinyBert(path);
  const before = threads().length;
  const task = tinyTask();
  // Another number also starts libtorch's own pool, whose threads sleep for ever.
  const { threads: count } = loadNative().info();
  await using model = await openModel({ path, tasks: [task], threads: count });
  await model.train({ task, rates: flat(1e-3), maxSteps: 3 }).result;
  const after = threads();
  assert.equal(after.filter((name) => name === 'lrdist-compute').length, count);
  assert.ok(after.length - before <= count + 4, `${after.length - before} threads more; Node's own pool has 4`);
});

const program = `
import { loadNative } from ${JSON.stringify(new URL('../../lib/native/load.ts', import.meta.url).href)};
loadNative();
console.log(String(process.env.GOMP_SPINCOUNT));`;

/** What the OpenMP library says of its settings when it is loaded, and what stays in the environment. */
function loadedWith(environment: NodeJS.ProcessEnv): { said: string; left: string } {
  const own = ['OMP_WAIT_POLICY', 'GOMP_SPINCOUNT'];
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.includes(name)));
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...rest, OMP_DISPLAY_ENV: 'VERBOSE', ...environment },
    encoding: 'utf8',
  });
  return { said: /GOMP_SPINCOUNT = '(\d+)'/.exec(stderr)?.[1] ?? stderr, left: stdout.trim() };
}

test('the OpenMP library is loaded with a short spin, which does not stay in the environment', linux, () => {
  assert.deepEqual(loadedWith({}), { said: '1000', left: 'undefined' });
});

test('what the user says of waiting holds', linux, () => {
  assert.deepEqual(loadedWith({ GOMP_SPINCOUNT: '77' }), { said: '77', left: '77' });
  assert.equal(loadedWith({ OMP_WAIT_POLICY: 'passive' }).said, '0');
});
