/** What a search is doing, from its events: plain data for a view. */
import type { SearchEvent } from '../../search/events.ts';
import type { StoredStudy } from '../../search/storage/storage.ts';
import { isFinished, type Trial } from '../../search/trial.ts';
import { finishedCount, ranked } from '../study/ranking.ts';

/** A trial on its way in this process. */
export interface RunningTrial {
  readonly trial: number;
  /** 0 until it has begun. */
  stage: number;
  /** Steps of the stage that are done. */
  step: number;
  of: number;
  /** Epochs that it was scored after, and its last values. */
  epoch: number;
  values: readonly number[] | undefined;
}

export class ViewState {
  readonly running = new Map<number, RunningTrial>();
  /** All of the study, as last read. */
  trials: readonly Trial[] = [];
  waiting: readonly number[] = [];
  /** Finished while watched. */
  #ended = 0;
  readonly #study: StoredStudy;
  readonly #total: number;
  readonly #began: number;

  constructor(study: StoredStudy, total: number, began: number) {
    this.#study = study;
    this.#total = total;
    this.#began = began;
  }

  get total(): number {
    return this.#total;
  }

  get done(): number {
    return Math.min(finishedCount(this.trials), this.#total);
  }

  best(): Trial | undefined {
    return ranked(this.#study, this.trials)[0];
  }

  trial(number: number): Trial | undefined {
    return this.trials[number];
  }

  take(event: SearchEvent): void {
    switch (event.type) {
      case 'batch':
        this.waiting = [];
        for (const trial of event.trials)
          this.running.set(trial, { trial, stage: 0, step: 0, of: 0, epoch: 0, values: undefined });
        break;
      case 'report': {
        const running = this.running.get(event.trial);
        if (running === undefined) break;
        running.epoch = event.step;
        running.values = event.values;
        if (!event.goesOn) this.running.delete(event.trial);
        break;
      }
      case 'finished':
        this.running.delete(event.trial);
        this.#ended++;
        break;
      case 'lost':
        for (const trial of event.trials) this.running.delete(trial);
        break;
      case 'waiting':
        this.waiting = event.trials;
        break;
      case 'progress':
        this.#progress(event.event);
        break;
    }
  }

  /** Seconds until all trials have ended, by the speed so far; undefined before the first has. */
  secondsLeft(now: number): number | undefined {
    if (this.#ended === 0) return undefined;
    return ((now - this.#began) / 1000 / this.#ended) * Math.max(0, this.#total - this.done);
  }

  #progress(event: unknown): void {
    const { trials, stage, step, of } = event as Partial<{ trials: number[]; stage: number; step: number; of: number }>;
    if (trials === undefined || stage === undefined || step === undefined || of === undefined) return;
    for (const number of trials) {
      const running = this.running.get(number);
      if (running !== undefined) Object.assign(running, { stage, step, of });
    }
  }
}

/** Trials that have ended since the last look, by number. */
export function newlyFinished(before: readonly Trial[], now: readonly Trial[]): readonly Trial[] {
  return now.filter((trial, i) => isFinished(trial) && (before[i] === undefined || !isFinished(before[i])));
}
