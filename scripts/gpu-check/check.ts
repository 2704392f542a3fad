/** The check itself: looks at the machine, runs the plan, writes logs and a result file. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { obstacle, planOf, type Machine } from './plan.ts';
import { type Outcome, runSteps } from './run-steps.ts';
import { parseSettings, type Settings } from './settings.ts';

export const root = join(import.meta.dirname, '..', '..');

/** @returns the exit code: 0 all well, 1 something failed, 2 wrong use, 3 nothing could be begun */
export async function runCheck(argv: readonly string[]): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  let settings: Settings;
  try {
    settings = parseSettings(argv, join(tmpdir(), 'lrdist-gpu-check'));
  } catch (error) {
    say((error as Error).message);
    return 2;
  }
  if (settings.pack !== undefined) {
    const { pack } = await import('./pack.ts');
    return pack(settings.pack, say);
  }
  // Without npm, CMake builds by itself against the torch of Python.
  const torch = process.env['LRDIST_GPU_CHECK_BARE'] === '1' ? libtorchOfPython() : undefined;
  const machine = machineHere(torch !== undefined && 'folder' in torch ? torch.folder : undefined);
  const why = obstacle(settings, {
    gpu: hasGpu(),
    sanitizer: machine.sanitizer !== undefined,
    python: torch !== undefined && 'problem' in torch ? torch.problem : undefined,
  });
  if (why !== undefined && !settings.dryRun) {
    say(why);
    return 3;
  }
  const steps = planOf(settings, machine);
  if (settings.dryRun) {
    if (why !== undefined) say(`${why}\n\nThere it would run:`);
    for (const { part, name, command } of steps)
      console.log(`${part} ${name}: ${command.slice(0, 12).join(' ').replaceAll(`${root}/`, '')}`);
    return 0;
  }
  const outcomes = await runSteps(steps, {
    ...{ root, out: settings.out, say, limit: settings.limit },
    // After each: whoever ends the whole finds what there was.
    report: (soFar) => writeSummary(settings.out, soFar),
  });
  const failed = outcomes.filter(({ code }) => code !== 0);
  const { saveCheck } = await import('./result.ts');
  const path = await saveCheck(settings, outcomes, root).catch((error: unknown) => {
    say(`no result file: ${(error as Error).message}`);
    return undefined;
  });
  if (path !== undefined) say(`written: ${path}`);
  say(failed.length === 0 ? 'All is well.' : `${failed.length} of ${outcomes.length} steps failed.`);
  return failed.length === 0 ? 0 : 1;
}

function machineHere(libtorch: string | undefined): Machine {
  return {
    node: process.execPath,
    root,
    sanitizer: programAt('compute-sanitizer', ['/usr/local/cuda/bin', '/opt/cuda/bin']),
    libtorch,
    ninja: programAt('ninja', []) !== undefined,
    tests: testFiles(),
    cores: Math.max(1, Math.min(availableParallelism(), 16)),
  };
}

function hasGpu(): boolean {
  return ['/dev/nvidiactl', '/proc/driver/nvidia/version', '/dev/dxg'].some((path) => existsSync(path));
}

function programAt(name: string, folders: readonly string[]): string | undefined {
  const path = [...(process.env['PATH'] ?? '').split(':'), ...folders];
  return path.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** Folder of python3's torch, or what is wrong. */
function libtorchOfPython(): { readonly folder: string } | { readonly problem: string } {
  const python = process.env['PYTHON'] ?? 'python3';
  const { status, stdout } = spawnSync(
    python,
    ['-c', 'import importlib.util as u, os; print(os.path.dirname(u.find_spec("torch").origin))'],
    { encoding: 'utf8' },
  );
  if (status === 0) return { folder: stdout.trim() };
  return { problem: `${python} has no torch to build against: PYTHON names another Python.` };
}

/** Those that read the TypeScript compiler's own tree need it there. */
function testFiles(): readonly string[] {
  const hasTypescript = existsSync(join(root, 'node_modules', 'typescript'));
  return globSync(['test/native/*.test.ts', 'test/parity/*.test.ts'], { cwd: root })
    .filter((file) => hasTypescript || !file.endsWith('boundary.test.ts'))
    .sort();
}

function writeSummary(out: string, outcomes: readonly Outcome[]): void {
  mkdirSync(out, { recursive: true });
  const lines = outcomes.map(
    ({ part, name, code, seconds, skipped }) =>
      `${(skipped !== undefined ? 'skipped' : code === 0 ? 'ok' : code === null ? 'left out' : 'FAILED').padEnd(9)}${part} ${name} ${seconds.toFixed(1)} s`,
  );
  writeFileSync(join(out, 'summary.txt'), `${lines.join('\n')}\n`);
}
