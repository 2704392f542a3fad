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
  /** null: left out, because a step that it needs has failed or the time was up. 124: stopped when it was. */
  readonly code: number | null;
  readonly seconds: number;
  readonly log: string;
  /** Last lines of the log. */
  readonly tail: string;
  /** By the step itself, which says why. */
  readonly skipped?: string;
}

export interface Run {
  readonly root: string;
  readonly out: string;
  readonly say: (line: string) => void;
  /** Seconds for all steps. */
  readonly limit?: number | undefined;
  /** Called after each step with the outcomes so far. */
  readonly report?: (outcomes: readonly Outcome[]) => void;
}

export async function runSteps(steps: readonly Step[], run: Run): Promise<readonly Outcome[]> {
  const { root, out, say, report = () => {} } = run;
  mkdirSync(out, { recursive: true });
  const end = performance.now() + 1000 * (run.limit ?? Infinity);
  const outcomes: Outcome[] = [];
  let broken = false;
  for (const step of steps) {
    const log = join(out, `${step.part}-${step.name}.log`);
    const common = { part: step.part, name: step.name, command: shellText(step, root), log };
    const began = performance.now();
    if (broken || began >= end) {
      const why = broken ? 'the build has failed' : 'the time is up';
      outcomes.push({ ...common, code: null, seconds: 0, tail: `left out: ${why}` });
      report(outcomes);
      continue;
    }
    say(`${step.part} ${step.name}: ${common.command}`);
    const { code, tail } = await runStep(step, root, log, end - began);
    const seconds = (performance.now() - began) / 1000;
    const skipped = code === 0 && tail.startsWith('skipped') ? tail : undefined;
    say(
      `${step.part} ${step.name}: ${code === 0 ? (skipped ?? 'ok') : `FAILED with ${code}, see ${log}`} (${seconds.toFixed(1)} s)`,
    );
    if (code !== 0) say(tail.replaceAll(/^/gm, '  | '));
    broken = code !== 0 && step.needed === true;
    outcomes.push({ ...common, code, seconds, tail, ...(skipped === undefined ? {} : { skipped }) });
    report(outcomes);
  }
  return outcomes;
}

async function runStep(
  { command, environment }: Step,
  root: string,
  path: string,
  milliseconds: number,
): Promise<{ code: number; tail: string }> {
  const [program, ...parameters] = command;
  const log = createWriteStream(path);
  let tail = '';
  // With a limit a group of its own, so that what it has started ends with it; without one a terminal's interrupt reaches it.
  const limited = Number.isFinite(milliseconds);
  const child = spawn(program, parameters, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: limited,
  });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log.write(text);
      tail = (tail + text).slice(-3000);
    });
  let stopped = false;
  const send = (signal: 'SIGTERM' | 'SIGKILL'): void => {
    stopped = true;
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // All of it has ended by itself just now.
    }
  };
  // Asked first: builders end compilers that are in groups of their own.
  const timers = limited
    ? [setTimeout(send, milliseconds, 'SIGTERM'), setTimeout(send, milliseconds + 5000, 'SIGKILL')]
    : [];
  const code = await new Promise<number>((resolve) => {
    child.on('error', (error) => {
      tail += error.message;
      resolve(127);
    });
    child.on('close', (number, signal) => resolve(number ?? (signal === null ? 1 : 128)));
  });
  timers.forEach((timer) => clearTimeout(timer));
  if (stopped) tail = `${tail.trimEnd()}\nstopped: the time is up`;
  log.end();
  await once(log, 'close');
  return { code: stopped ? 124 : code, tail: tail.trim().split('\n').slice(-12).join('\n') };
}

/** As a reader can repeat it: folders of this machine are left out. */
function shellText({ command, environment }: Step, root: string): string {
  const words = command.map((word) => (word === process.execPath ? 'node' : word.replaceAll(`${root}/`, '')));
  const set = Object.entries(environment ?? {}).map(([name, value]) => `${name}=${value} `);
  return `${set.join('')}${words.length > 40 ? [...words.slice(0, 6), `... (${words.length - 6} more)`].join(' ') : words.join(' ')}`;
}
