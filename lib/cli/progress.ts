import { createRequire } from 'node:module';
import type * as CliProgress from 'cli-progress';
import { thousands } from '../rates/table.ts';
import type { Stream } from './output.ts';

export interface ProgressState {
  /** Units done, of the `total` given at the start. */
  readonly done: number;
  /** Tokens processed since the start. */
  readonly tokens?: number;
  readonly loss?: number;
}

export interface Progress {
  update(state: ProgressState): void;
  /** Draws the last state, once, and ends the line. */
  stop(): void;
}

export interface ProgressOptions {
  /** What is going on: "train", "evaluate sst2". */
  readonly label: string;
  readonly total: number;
  /** Default: standard error. */
  readonly stream?: Stream;
  /** false draws nothing. */
  readonly enabled?: boolean;
  /** Seconds between plain lines where the stream is no terminal. Default 10. */
  readonly every?: number;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
}

/** A bar on a terminal, a plain line now and then elsewhere. Both go to standard error. */
export function createProgress({
  label,
  total,
  stream = process.stderr,
  enabled = true,
  every = 10,
  now = Date.now,
}: ProgressOptions): Progress {
  if (!enabled || total <= 0) return { update: () => undefined, stop: () => undefined };
  const started = now();
  const text = (state: ProgressState): string => formatProgress(label, total, state, (now() - started) / 1000);
  return stream.isTTY === true ? bar(stream, total, text) : lines(stream, every, now, text);
}

function bar(stream: Stream, total: number, text: (state: ProgressState) => string): Progress {
  let state: ProgressState = { done: 0 };
  // Loaded here: most runs draw no bar.
  const { SingleBar } = createRequire(import.meta.url)('cli-progress') as typeof CliProgress;
  const drawn = new SingleBar({
    stream: stream as NodeJS.WritableStream,
    hideCursor: true,
    format: (_options, { progress }) => {
      const width = 20;
      const full = Math.round(Math.min(1, Math.max(0, progress)) * width);
      return `${'█'.repeat(full)}${'░'.repeat(width - full)} ${text(state)}`;
    },
  });
  drawn.start(total, 0);
  return {
    update(next) {
      state = next;
      drawn.update(next.done);
    },
    stop: () => drawn.stop(),
  };
}

function lines(stream: Stream, every: number, now: () => number, text: (state: ProgressState) => string): Progress {
  let pending: ProgressState | undefined;
  let last = now();
  const print = (state: ProgressState): void => {
    stream.write(`${text(state)}\n`);
    pending = undefined;
    last = now();
  };
  return {
    update(state) {
      pending = state;
      if (now() - last >= every * 1000) print(state);
    },
    stop() {
      if (pending !== undefined) print(pending);
    },
  };
}

/** `train 120/300 40 %, loss 0.5321, 5,120 tokens/s, 1:05 left`. Exported for tests. */
export function formatProgress(
  label: string,
  total: number,
  { done, tokens, loss }: ProgressState,
  seconds: number,
): string {
  const parts = [`${label} ${done}/${total} ${Math.floor((100 * done) / total)} %`];
  if (loss !== undefined) parts.push(`loss ${loss.toFixed(4)}`);
  if (tokens !== undefined && seconds > 0) parts.push(`${thousands(Math.round(tokens / seconds))} tokens/s`);
  if (done >= total) parts.push(`${formatSeconds(seconds)} in all`);
  else if (done > 0 && seconds > 0) parts.push(`${formatSeconds((seconds / done) * (total - done))} left`);
  return parts.join(', ');
}

/** `42 s`, `3:05`, `1:02:09`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes}:${pad(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(whole % 60)}`;
}
