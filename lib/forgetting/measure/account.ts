import type { MeasureName, StageMeasures } from '../../report/measures-record.ts';

/** Wall time spent on each measure. */
export class Account {
  readonly #seconds = new Map<MeasureName, number>();

  async spend<T>(name: MeasureName, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.#seconds.set(name, (this.#seconds.get(name) ?? 0) + (performance.now() - began) / 1000);
    }
  }

  totals(): Pick<StageMeasures, 'seconds' | 'total_seconds'> {
    return {
      seconds: Object.fromEntries(this.#seconds),
      total_seconds: [...this.#seconds.values()].reduce((sum, seconds) => sum + seconds, 0),
    };
  }
}
