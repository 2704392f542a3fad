import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A program that answers as `python -m pip` does: it copies a wheel from `index` to --dest if the requirement names one there
 * (`torch==2.13.0` -> `torch==2.13.0.whl`), and writes its arguments to `log`. `hang` never ends.
 */
export function fakePip(
  folder: string,
  { hang = false }: { hang?: boolean } = {},
): { python: string; index: string; log: string } {
  const index = join(folder, 'index');
  const log = join(folder, 'pip.log');
  const python = join(folder, 'python3');
  mkdirSync(index, { recursive: true });
  writeFileSync(
    python,
    `#!${process.execPath}
const fs = require('node:fs');
const path = require('node:path');
const args = process.argv.slice(2);
if (args[2] === '--version') process.exit(0);
fs.appendFileSync(${JSON.stringify(log)}, JSON.stringify(args) + '\\n');
const dest = args[args.indexOf('--dest') + 1];
for (const requirement of args.slice(args.indexOf('--dest') + 2)) {
  const folder = path.join(${JSON.stringify(index)}, requirement);
  if (!fs.existsSync(folder)) {
    console.error('ERROR: No matching distribution found for ' + requirement);
    process.exit(1);
  }
  for (const name of fs.readdirSync(folder)) {
    const bytes = fs.readFileSync(path.join(folder, name));
    console.log('  Downloading ' + name + ' (' + (bytes.length / 1e3).toFixed(1) + ' kB)');
    fs.writeFileSync(path.join(process.env.TMPDIR, name), bytes);
    ${hang ? "console.log('hanging'); setInterval(() => {}, 1000); return;" : ''}
    fs.renameSync(path.join(process.env.TMPDIR, name), path.join(dest, name));
  }
}
`,
  );
  chmodSync(python, 0o755);
  return { python, index, log };
}

/** Offers a wheel under a requirement. */
export function offer(index: string, requirement: string, name: string, bytes: Buffer): void {
  mkdirSync(join(index, requirement), { recursive: true });
  writeFileSync(join(index, requirement, name), bytes);
}
