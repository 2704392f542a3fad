/** Runs the steps of a plan, each with a log of its own. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Step } from './plan.ts';

export interface Outcome {
  readonly part: string;
  readonly name: string;
  /** What a shell would run. */
  readonly command: string;
  /** null: left out, because a step that it needs has failed. */
  readonly code: number | null;
  readonly seconds: number;
  readonly log: string;
  /** Last lines of the log. */
  readonly tail: string;
  /** By the step itself, which says why. */
  readonly skipped?: string;
}

export async function runSteps(
  steps: readonly Step[],
  { root, out, say }: { readonly root: string; readonly out: string; readonly say: (line: string) => void },
): Promise<readonly Outcome[]> {
  mkdirSync(out, { recursive: true });
  const outcomes: Outcome[] = [];
  let broken = false;
  for (const step of steps) {
    const log = join(out, `${step.part}-${step.name}.log`);
    const common = { part: step.part, name: step.name, command: shellText(step, root), log };
    if (broken) {
      outcomes.push({ ...common, code: null, seconds: 0, tail: 'left out: the build has failed' });
      continue;
    }
    say(`${step.part} ${step.name}: ${common.command}`);
    const began = performance.now();
    const { code, tail } = await runStep(step, root, log);
    const seconds = (performance.now() - began) / 1000;
    const skipped = code === 0 && tail.startsWith('skipped') ? tail : undefined;
    say(
      `${step.part} ${step.name}: ${code === 0 ? (skipped ?? 'ok') : `FAILED with ${code}, see ${log}`} (${seconds.toFixed(1)} s)`,
    );
    if (code !== 0) say(tail.replaceAll(/^/gm, '  | '));
    broken = code !== 0 && step.needed === true;
    outcomes.push({ ...common, code, seconds, tail, ...(skipped === undefined ? {} : { skipped }) });
  }
  return outcomes;
}

async function runStep(
  { command, environment }: Step,
  root: string,
  path: string,
): Promise<{ code: number; tail: string }> {
  const [program, ...parameters] = command;
  const log = createWriteStream(path);
  let tail = '';
  const child = spawn(program, parameters, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log.write(text);
      tail = (tail + text).slice(-3000);
    });
  const code = await new Promise<number>((resolve) => {
    child.on('error', (error) => {
      tail += error.message;
      resolve(127);
    });
    child.on('close', (number, signal) => resolve(number ?? (signal === null ? 1 : 128)));
  });
  log.end();
  await once(log, 'close');
  return { code, tail: tail.trim().split('\n').slice(-12).join('\n') };
}

/** As a reader can repeat it: folders of this machine are left out. */
function shellText({ command, environment }: Step, root: string): string {
  const words = command.map((word) => (word === process.execPath ? 'node' : word.replaceAll(`${root}/`, '')));
  const set = Object.entries(environment ?? {}).map(([name, value]) => `${name}=${value} `);
  return `${set.join('')}${words.length > 40 ? [...words.slice(0, 6), `... (${words.length - 6} more)`].join(' ') : words.join(' ')}`;
}
