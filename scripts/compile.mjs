// Runs tsc when the sources differ from those that dist/ was made from.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const dist = join(root, 'dist');
const stamp = join(dist, '.stamp');

/** Returns false after tsc printed its errors. */
export function compile() {
  const sources = list(join(root, 'lib')).filter((path) => path.endsWith('.ts'));
  const hash = hashOf([
    ...sources,
    join(root, 'tsconfig.json'),
    join(root, 'tsconfig.build.json'),
    join(root, 'package-lock.json'),
  ]);
  if (existsSync(join(dist, 'cli', 'cli.js')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return true;
  console.error('Compiling TypeScript');
  rmSync(stamp, { force: true });
  removeOrphans(sources);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) return false;
  chmodSync(join(dist, 'cli', 'cli.js'), 0o755);
  mkdirSync(dist, { recursive: true });
  writeFileSync(stamp, hash);
  return true;
}

/** Compiled files whose source is gone would go on being imported. */
function removeOrphans(sources) {
  if (!existsSync(dist)) return;
  const kept = new Set(sources.map((path) => relative(join(root, 'lib'), path).replace(/\.ts$/, '')));
  for (const path of list(dist)) {
    const name = relative(dist, path);
    if (/\.(js|d\.ts)$/.test(name) && !kept.has(name.replace(/\.(js|d\.ts)$/, ''))) rmSync(path);
  }
}

function list(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const bytes = readFileSync(path);
    hash.update(`${relative(root, path)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}
