// The tests on node's own runner, a process for each file. `npm test -- test/unit/rates` runs a part, `--full` the long ones too.
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { prepare } from './prepare.mjs';

const given = process.argv.slice(2);
const full = given.includes('--full');
const options = given.filter((argument) => argument.startsWith('--') && argument !== '--full');
const places = given
  .filter((argument) => !argument.startsWith('--'))
  .map((place) => (isFolder(place) ? `${place.replace(/\/$/, '')}/**/*.test.ts` : place));

if (await prepare()) {
  const child = spawn(
    process.execPath,
    [
      '--test',
      '--test-concurrency=2',
      ...options,
      ...(places.length > 0 ? places : ['test/{unit,conformance,native,parity,process,e2e}/**/*.test.ts']),
    ],
    { stdio: 'inherit', env: { ...process.env, ...(full ? { LRDIST_TEST_FULL: '1' } : {}) } },
  );
  // The runner gets Ctrl-C from the terminal as well and ends by itself.
  process.on('SIGINT', () => undefined);
  child.on('close', (code) => (process.exitCode = code ?? 1));
} else {
  process.exitCode = 1;
}

function isFolder(place) {
  return statSync(place, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
