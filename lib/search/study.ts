import { LrdistError } from '../errors.ts';
import { addBatches, unfinishedBatches } from './batches.ts';
import { paretoFront } from './best.ts';
import { checkParameters } from './check-space.ts';
import { decide, notFiniteSteps } from './decide.ts';
import { Heartbeat } from './heartbeat.ts';
import { asFinished, checkValues, type Told, toOutcome } from './outcome.ts';
import { giveUp } from './lost-attempts.ts';
import type { Pruner } from './pruner.ts';
import type { Sampler } from './sampler.ts';
import type { ParametersOf, Space } from './space.ts';
import type { Claim, FinishedTrial, Storage, StoredStudy } from './storage/storage.ts';
import type { Json, Trial } from './trial.ts';

/** A trial whose parameters have the types of the space. */
export type TrialOf<S extends Space> = Omit<Trial, 'parameters'> & { readonly parameters: ParametersOf<S> };

/** A trial to be run by whoever asked, until it is told how it ended. */
export interface AskedTrial<S extends Space> extends Claim {
  readonly number: number;
  readonly parameters: ParametersOf<S>;
  /** From 1; above 1 an earlier attempt was lost. */
  readonly attempt: number;
}

/** Parts of a study; see `openStudy`. */
export interface StudyParts {
  readonly storage: Storage;
  readonly stored: StoredStudy;
  readonly sampler: Sampler;
  readonly pruner: Pruner;
  readonly worker: string;
  readonly lease: number;
  readonly attempts: number;
  /** Whether the study opened the storage, and closes it. */
  readonly ownsStorage: boolean;
}

/**
 * Trials in a storage, and who says what to try next. Several processes may have the same study open. For ask and tell; `optimize` runs the whole loop.
 */
export class Study<S extends Space = Space> implements AsyncDisposable {
  readonly storage: Storage;
  readonly stored: StoredStudy;
  readonly sampler: Sampler;
  readonly pruner: Pruner;
  readonly worker: string;
  /** In milliseconds. */
  readonly lease: number;
  /** Attempts at a trial that may be lost with their workers before it has failed. */
  readonly attempts: number;
  readonly #parts: StudyParts;
  readonly #heartbeat: Heartbeat;

  /** Use `openStudy` or `loadStudy`. */
  constructor(parts: StudyParts) {
    this.#parts = parts;
    this.storage = parts.storage;
    this.stored = parts.stored;
    this.sampler = parts.sampler;
    this.pruner = parts.pruner;
    this.worker = parts.worker;
    this.lease = parts.lease;
    this.attempts = parts.attempts;
    this.#heartbeat = new Heartbeat(parts.storage, parts.stored.id, parts.lease);
  }

  get name(): string {
    return this.stored.name;
  }

  /**
   * The next trial, or so many at once as one batch: trials that a worker has left, then enqueued ones, then points of the sampler. They are this process's as long as it lives; tell how each ends.
   */
  ask(): Promise<AskedTrial<S>>;
  ask(count: number): Promise<readonly AskedTrial<S>[]>;
  async ask(count?: number): Promise<AskedTrial<S> | readonly AskedTrial<S>[]> {
    const wanted = count ?? 1;
    if (!Number.isSafeInteger(wanted) || wanted < 1)
      throw new LrdistError('ERR_INVALID_OPTION', `count: expected an integer from 1, received ${count}`);
    const claims: Claim[] = [];
    while (claims.length < wanted) claims.push(...(await this.#claimMore(wanted - claims.length)));
    // A trial that is lost is told so when it reports or ends.
    this.#heartbeat.add(claims, () => {});
    const asked = claims.map((claim) => ({
      ...claim,
      number: claim.trial.number,
      parameters: claim.trial.parameters as ParametersOf<S>,
      attempt: claim.trial.attempt,
    }));
    return count === undefined ? asked[0]! : asked;
  }

  /** What others have left; if there is nothing, new trials. Empty if somebody else was quicker. */
  async #claimMore(count: number): Promise<readonly Claim[]> {
    const { storage, stored, worker, sampler } = this;
    const claim = async () => {
      const left = unfinishedBatches(await storage.trials(stored.id)).flat();
      if (left.length === 0) return [];
      const trials = left.map(({ number }) => number);
      const claims = await storage.claim(stored.id, { count, worker, lease: this.lease, trials });
      return (await giveUp(storage, stored.id, claims, this.attempts)).going;
    };
    const left = await claim();
    if (left.length > 0) return left;
    await storage.locked(stored.id, async (locked) =>
      addBatches(
        locked,
        await locked.trials(),
        { definition: stored, sampler },
        { batchSize: count, batches: 1, total: Infinity },
      ),
    );
    return claim();
  }

  /**
   * Points to be tried before what the sampler suggests, in this order.
   *
   * @throws LrdistError ERR_INVALID_OPTION for parameters outside of the space
   */
  async enqueue(parameters: ParametersOf<S> | readonly ParametersOf<S>[]): Promise<readonly TrialOf<S>[]> {
    const list = Array.isArray(parameters) ? (parameters as readonly unknown[]) : [parameters];
    const checked = list.map((point) => checkParameters(point, this.stored.space));
    const added = await this.storage.locked(this.stored.id, (locked) =>
      locked.add(checked.map((point) => ({ parameters: point, origin: 'enqueued' }))),
    );
    return added as readonly TrialOf<S>[];
  }

  /** Finished trials from elsewhere, for the sampler to learn from; they do not count as trials of `optimize`. */
  async attach(
    trials: readonly (Omit<FinishedTrial, 'origin'> & { readonly parameters: ParametersOf<S> })[],
  ): Promise<readonly TrialOf<S>[]> {
    const attached = trials.map((trial) => ({ ...trial, origin: 'attached' as const }));
    return (await this.storage.attach(this.stored.id, attached)) as readonly TrialOf<S>[];
  }

  /** A finished trial to compare with, such as the tuned flat rate: its attribute `baseline` is true. */
  async attachBaseline(baseline: {
    readonly parameters: ParametersOf<S>;
    readonly values: number | readonly number[];
    readonly attributes?: Readonly<Record<string, Json>>;
  }): Promise<TrialOf<S>> {
    const { parameters, attributes } = baseline;
    const values = checkValues(baseline.values, this.stored);
    const marked = { ...attributes, baseline: true };
    return (await this.attach([{ parameters, state: 'complete', values, attributes: marked }]))[0]!;
  }

  /**
   * Scores of a trial on its way.
   *
   * @param step from 1 to maxStep
   * @returns whether the trial is to go on; if not, tell that it was pruned
   * @throws LrdistError ERR_TRIAL_FINISHED if another worker has the trial now
   */
  async report({ trial, token }: Claim, step: number, values: number | readonly number[]): Promise<boolean> {
    const held = await this.recordReport({ trial, token }, step, values);
    if (!held) throw lost(trial.number);
    if (!this.pruner.rungs(this.stored.maxStep).includes(step)) return true;
    const trials = await this.storage.trials(this.stored.id);
    return decide({ pruner: this.pruner, stored: this.stored, trials }, [trial.number], step)[0]!;
  }

  /** A report without a decision. @returns false if the claim is no longer held */
  async recordReport({ trial, token }: Claim, step: number, values: number | readonly number[]): Promise<boolean> {
    const { id, maxStep } = this.stored;
    if (!Number.isSafeInteger(step) || step < 1 || step > maxStep)
      throw new LrdistError('ERR_INVALID_OPTION', `step: expected an integer from 1 to ${maxStep}, received ${step}`);
    const checked = checkValues(values, this.stored);
    if (checked.every(Number.isFinite)) return this.storage.report(id, { trial, token }, { step, values: checked });
    const now = (await this.storage.trials(id))[trial.number];
    const steps = new Set([...notFiniteSteps(now ?? trial), step]);
    return this.storage.annotate(id, { trial, token }, { notFinite: [...steps] });
  }

  /**
   * How a trial ended. Values that are NaN or infinite make a failed trial.
   *
   * @throws LrdistError ERR_INVALID_OPTION for a wrong number of values; ERR_TRIAL_FINISHED if it was told before, or another worker has the trial now
   */
  async tell({ trial, token }: Claim, told: Told): Promise<void> {
    const { id } = this.stored;
    const finished = asFinished(told);
    const now = finished.state === 'pruned' ? (await this.storage.trials(id))[trial.number] : undefined;
    const outcome = toOutcome(finished, this.stored, now?.reports.at(-1));
    const claim = { trial, token };
    this.#heartbeat.drop([claim]);
    if (!(await this.storage.finish(id, claim, outcome))) throw lost(trial.number);
  }

  /** By number. */
  async trials(): Promise<readonly TrialOf<S>[]> {
    return (await this.storage.trials(this.stored.id)) as readonly TrialOf<S>[];
  }

  /**
   * The complete trial with the best value among those that keep all constraints; undefined if there is none.
   *
   * @throws LrdistError ERR_INVALID_OPTION with several objectives
   */
  async best(): Promise<TrialOf<S> | undefined> {
    if (this.stored.directions.length > 1)
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        'best: with several objectives there is a front, not one best trial',
        {
          remedy: 'Use front().',
        },
      );
    return (await this.front())[0];
  }

  /** The complete trials that keep all constraints and are dominated by none, by number. */
  async front(): Promise<readonly TrialOf<S>[]> {
    return paretoFront(await this.trials(), this.stored.directions);
  }

  /** Lets go of what was asked for and not told: others may go on with it. Idempotent. */
  async close(): Promise<void> {
    const left = this.#heartbeat.stop();
    if (left.length > 0) await this.storage.release(this.stored.id, left);
    if (this.#parts.ownsStorage) await this.storage.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function lost(trial: number): LrdistError {
  return new LrdistError('ERR_TRIAL_FINISHED', `trial ${trial} is finished, or another worker has taken it over`, {
    remedy: 'Ask for another trial. A lease runs out if a process does not answer for long.',
  });
}
