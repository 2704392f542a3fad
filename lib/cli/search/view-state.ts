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
  /** Numbers of the trials that this process has or had. */
  readonly own = new Set<number>();
  waiting: readonly number[] = [];
  #trials: readonly Trial[] = [];
  /** Finished when first looked at. */
  #before: number | undefined;
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

  /** All of the study, as last read. */
  get trials(): readonly Trial[] {
    return this.#trials;
  }

  see(trials: readonly Trial[]): void {
    this.#trials = trials;
    this.#before ??= this.done;
  }

  get done(): number {
    return Math.min(finishedCount(this.#trials), this.#total);
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
        for (const trial of event.trials) this.own.add(trial);
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

  /** Seconds until all trials have ended, by the speed so far, whoever ran them; undefined before one has. */
  secondsLeft(now: number): number | undefined {
    const ended = this.done - (this.#before ?? 0);
    return ended === 0 ? undefined : ((now - this.#began) / 1000 / ended) * (this.#total - this.done);
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
