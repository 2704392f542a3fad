/** What the process is doing, for whoever listens: profiles do. Costs nothing when nobody does. */
import { channel } from 'node:diagnostics_channel';

/** What is published on `lrdist:phase` when a phase ends; times of `performance.now()`. */
export interface Phase {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const phases = channel('lrdist:phase');

/** Does `work` as a phase. */
export async function phase<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (!phases.hasSubscribers) return work();
  const start = performance.now();
  try {
    return await work();
  } finally {
    phases.publish({ name, start, end: performance.now() } satisfies Phase);
  }
}

/** @returns a function that ends it */
export function onPhase(listener: (phase: Phase) => void): () => void {
  const heard = (message: unknown): void => listener(message as Phase);
  phases.subscribe(heard);
  return () => void phases.unsubscribe(heard);
}
