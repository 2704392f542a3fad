import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Parameters, Space } from '../../../lib/search/space.ts';
import { defaultWork, findPython } from '../../lib/python.ts';
import { root } from '../../lib/side.ts';

/** bench/peers/optuna_samplers.py, asked line by line. */
export interface Peer {
  versions(): Promise<Record<string, string>>;
  study(sampler: string, space: Space, seed: number): Promise<void>;
  ask(count: number): Promise<{ parameters: readonly Parameters[]; seconds: number }>;
  tell(values: readonly number[]): Promise<void>;
  close(): void;
}

export function startPeer(): Peer {
  const child = spawn(findPython(defaultWork), [join(root, 'bench', 'peers', 'optuna_samplers.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const request = async (message: object) => {
    child.stdin.write(`${JSON.stringify(message)}\n`);
    const line = await lines.next();
    if (line.done) throw new Error(`the peer ended with ${await exitCode(child)}`);
    return JSON.parse(line.value) as unknown;
  };
  return {
    versions: async () => (await request({})) as Record<string, string>,
    study: async (sampler, space, seed) => void (await request({ study: { sampler, space, seed } })),
    ask: async (count) => (await request({ ask: count })) as Awaited<ReturnType<Peer['ask']>>,
    tell: async (values) => void (await request({ tell: values })),
    close: () => child.stdin.end(),
  };
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  return child.exitCode ?? (await new Promise((resolve) => child.once('close', resolve)));
}
