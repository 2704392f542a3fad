import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Random } from '../../../lib/random.ts';
import type { WorkerOrders } from './setting.ts';

export type Victim = 'worker' | 'child' | 'connection';

/** Workers that are begun again when they die, until they end by themselves. */
export class Crew {
  readonly #orders: WorkerOrders;
  readonly #workers = new Set<ChildProcess>();
  readonly #done: Promise<unknown>;
  finished = false;
  /** What the workers said last, should one fail. */
  #words = '';

  constructor(orders: WorkerOrders, workers: number) {
    this.#orders = orders;
    this.#done = Promise.all(Array.from({ length: workers }, () => this.#keepUp())).then(() => (this.finished = true));
    this.#done.catch(() => undefined);
  }

  async #keepUp(): Promise<void> {
    for (;;) {
      const path = fileURLToPath(new URL('./worker.ts', import.meta.url));
      const worker = spawn(process.execPath, [path, JSON.stringify(this.#orders)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      worker.stderr.setEncoding('utf8').on('data', (text: string) => (this.#words = (this.#words + text).slice(-4000)));
      this.#workers.add(worker);
      const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
        worker.once('close', (...how) => resolve(how)),
      );
      this.#workers.delete(worker);
      if (code === 0) return;
      if (signal !== 'SIGKILL') throw new Error(`a worker failed with ${code ?? signal}: ${this.#words}`);
    }
  }

  /** Kills a worker, or a child of one. @returns false if there is none just now */
  kill(victim: 'worker' | 'child', random: Random): boolean {
    const workers = [...this.#workers].map(({ pid }) => pid).filter((pid) => pid !== undefined);
    const candidates = victim === 'worker' ? workers : workers.flatMap(childrenOf);
    if (candidates.length === 0) return false;
    try {
      process.kill(candidates[random.int(candidates.length)]!, 'SIGKILL');
      return true;
    } catch {
      return false;
    }
  }

  /** @throws Error if a worker failed by itself, or if they are not done in time: something is stuck */
  async done(milliseconds: number): Promise<void> {
    const late = await Promise.race([this.#done.then(() => false), sleep(milliseconds, true, { ref: false })]);
    if (late) throw new Error(`the workers are not done after ${milliseconds} ms: ${this.#words}`);
  }

  end(): void {
    for (const worker of this.#workers) worker.kill('SIGKILL');
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
