/** A running search on standard error: a block that is redrawn on a terminal, else a line for each trial that ends. */
import type { Pair } from '../../pair-search/pair.ts';
import type { SearchEvent } from '../../search/events.ts';
import type { Storage, StoredStudy } from '../../search/storage/storage.ts';
import type { Output } from '../output.ts';
import { Block } from './block.ts';
import { newlyFinished, ViewState } from './view-state.ts';
import { finishedLine, headline, viewLines } from './view-text.ts';

export interface SearchViewOptions {
  readonly storage: Storage;
  readonly study: StoredStudy;
  readonly pair: Pick<Pair, 'space'>;
  readonly trials: number;
  /** Off a terminal: only of trials that this process ran, one of many. Default false. */
  readonly own?: boolean;
  readonly output: Output;
  /** Whoever aborts it has written why. */
  readonly signal: AbortSignal;
}

/** Milliseconds between two looks at the storage, where other workers write too. */
const every = 1000;

export class SearchView implements AsyncDisposable {
  readonly #options: SearchViewOptions;
  readonly #state: ViewState;
  readonly #block: Block | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;
  #first = true;

  constructor(options: SearchViewOptions) {
    const { study, trials, output, signal } = options;
    this.#options = options;
    this.#state = new ViewState(study, trials, Date.now());
    if (!output.progress) return;
    if (output.stderr.isTTY === true) this.#block = new Block(output.stderr);
    signal.addEventListener('abort', () => this.#block?.leave(), { once: true });
    this.#timer = setInterval(() => void this.#look(), every).unref();
  }

  event(event: SearchEvent): void {
    if (!this.#options.output.progress) return;
    this.#state.take(event);
    if (event.type === 'progress') this.#tell(event.event);
    if (event.type === 'batch') void this.#look();
    if (event.type === 'lost')
      this.note(`taken over by another worker: trial${event.trials.length > 1 ? 's' : ''} ${event.trials.join(', ')}`);
  }

  /** A line of its own above the block. */
  note(text: string): void {
    this.#block?.clear();
    this.#options.output.note(text);
    this.#draw();
  }

  /** What ended last is told before it goes. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    if (this.#timer !== undefined) {
      await this.#reading;
      await this.#look();
    }
    this.#block?.clear();
  }

  /** Reads the study and shows what is new. A storage out of reach is told by the search itself. */
  #look(): Promise<void> {
    this.#reading ??= this.#read()
      .catch(() => undefined)
      .finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<void> {
    const { storage, study, output, own = false } = this.#options;
    const before = this.#state.trials;
    this.#state.see(await storage.trials(study.id));
    const all = this.#first ? [] : newlyFinished(before, this.#state.trials);
    const ended = own ? all.filter(({ number }) => this.#state.own.has(number)) : all;
    this.#first = false;
    if (this.#block !== undefined) this.#draw();
    else
      for (const [i, trial] of ended.entries())
        output.note(`${finishedLine(study, trial)}${i === ended.length - 1 ? `; ${headline(this.#context())}` : ''}`);
  }

  #draw(): void {
    this.#block?.draw(viewLines(this.#context()));
  }

  #context() {
    const { study, pair } = this.#options;
    return { study, pair, state: this.#state, now: Date.now() };
  }

  #tell(event: unknown): void {
    const { type, trials, error, next, note } = event as Partial<{
      type: string;
      trials: number[];
      error: string;
      next: number;
      note: string;
    }>;
    if (type === 'note') this.note(note!);
    if (type !== 'crash') return;
    const then =
      next === 0
        ? 'it has failed'
        : next === trials!.length
          ? 'they are run again'
          : `they are run again, ${next} at a time`;
    this.note(`trials ${trials!.join(', ')}: ${error!.split('\n')[0]}; ${then}`);
  }
}
