import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SmokeMessage } from './smoke.ts';

/** Signals that end a child whose addon does not fit the machine. */
const meanings: Readonly<Record<string, string>> = {
  SIGILL: 'it uses an instruction that this processor does not have',
  SIGSEGV: 'it crashed with a memory fault',
  SIGABRT: 'it aborted',
  SIGKILL: 'it was killed, for lack of memory or by hand',
  SIGBUS: 'its file or memory could not be read',
};

/** Runs the smoke test in a process of its own, so that a bad addon takes only that one down. */
export async function forkSmokeTest(
  options: { signal?: AbortSignal | undefined; timeoutMs?: number } = {},
): Promise<SmokeMessage> {
  const self = import.meta.url.endsWith('.ts') ? './smoke.ts' : './smoke.js';
  const child = fork(fileURLToPath(new URL(self, import.meta.url)), ['--smoke-child'], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let message: SmokeMessage | undefined;
  let complaint = '';
  child.on('message', (value) => (message = value as SmokeMessage));
  child.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString('utf8')).slice(-2000)));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, options.timeoutMs ?? 60_000);
  const stop = (): void => void child.kill('SIGKILL');
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...end) => resolve(end));
    });
    options.signal?.throwIfAborted();
    if (late) return { ok: false, code: 'ERR_NATIVE', message: 'it did not end in time' };
    if (signal !== null) return { ok: false, code: 'ERR_NATIVE', message: meanings[signal] ?? `it ended by ${signal}` };
    if (message === undefined || (code !== 0 && message.ok)) {
      return {
        ok: false,
        code: 'ERR_NATIVE',
        message: `it ended with code ${code}${complaint === '' ? '' : `: ${complaint.trim()}`}`,
      };
    }
    return message;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', stop);
  }
}
