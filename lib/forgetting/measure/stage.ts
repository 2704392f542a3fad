/** The measures of one stage: half of each is taken before it, half after. */
import { setImmediate } from 'node:timers/promises';
import { LrdistError } from '../../errors.ts';
import type { RateDistribution } from '../../rates/distribution.ts';
import type {
  Measured,
  MeasureName,
  MeasuresRecord,
  ProbePoint,
  SimilarityRecord,
  StageMeasures,
} from '../../report/measures-record.ts';
import type { Model, ModelParameter, Operation } from '../../train/model.ts';
import { withSignal } from '../../train/native-errors.ts';
import { splitOf, type Task } from '../../train/task.ts';
import { Account } from './account.ts';
import { compareGradients, conflictOf } from './conflict.ts';
import { driftOf } from './drift.ts';
import { type Chosen, headScores, labelsOf, lastLayer, statesOf } from './features.ts';
import { maskedLmLoss, type MaskedLmLoss } from './language-model.ts';
import type { MeasurePlan } from './options.ts';
import { fitProbe } from './probe.ts';
import { chooseRows } from './rows.ts';
import { centredLayer, linearCka } from './similarity.ts';

export interface MeasureBefore extends Operation {
  readonly plan: MeasurePlan;
  /** The task to keep, and the task that the stage trains. The model has heads of both. */
  readonly tasks: readonly [Task, Task];
  /** Decides which rows are used. */
  readonly seed: number;
  /** Split of the scored rows. Default `validation`. */
  readonly split?: string;
}

export interface MeasureAfter extends Operation {
  /** Those of the stage, by replica: adds values by their groups. */
  readonly distributions?: readonly RateDistribution[];
  /** Which of the replicas of `before` each one comes from. Default: the only one, or the one at its place. */
  readonly origin?: readonly number[];
}

/** What the model is at one moment, of every replica. */
interface Point {
  readonly gradients: Float64Array | undefined;
  readonly states: readonly Float32Array[] | undefined;
  readonly probe: readonly ProbePoint[] | undefined;
  readonly maskedLm: MaskedLmLoss | undefined;
}

export class StageMeasurement {
  readonly #model: Model;
  readonly #options: MeasureBefore;
  readonly #account = new Account();
  readonly #scored: Chosen;
  readonly #fitted: Chosen;
  readonly #text: Int32Array | undefined;
  readonly #parameters: readonly ModelParameter[];
  readonly #replicas: number;
  #before: Point | undefined;
  #slot: number | undefined;

  constructor(model: Model, options: MeasureBefore) {
    const { plan, tasks, seed } = options;
    this.#model = model;
    this.#options = options;
    this.#parameters = model.parameters;
    this.#replicas = model.replicas;
    const split = splitOf(tasks[0], options.split ?? 'validation');
    this.#scored = { split, rows: chooseRows(split, plan.rows.scored, seed, 'scored') };
    const train = splitOf(tasks[0], 'train');
    this.#fitted = { split: train, rows: chooseRows(train, plan.rows.probe, seed, 'train') };
    this.#text = plan.text && chooseRows(plan.text.rows, plan.rows.masked_lm, seed, 'text');
    if (this.#does('probe')) requireRows(tasks[0], this.#scored, this.#fitted);
  }

  /** Takes what is needed of the model as it is before the stage. */
  async before(): Promise<void> {
    const { signal } = this.#options;
    const { session } = this.#model;
    if (this.#does('drift'))
      this.#slot = await this.#account.spend('drift', () =>
        withSignal(session, signal, () => session.snapshot('weights')),
      );
    try {
      this.#before = await this.#point(signal);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** The measures of every replica. Call it once; it releases what is held. */
  async after({ distributions, origin, signal }: MeasureAfter = {}): Promise<StageMeasures> {
    const before = this.#before;
    if (before === undefined)
      throw new LrdistError('ERR_DISPOSED', 'the measures of this stage were taken already, or were given up');
    try {
      const from = this.#origin(origin);
      const after = await this.#point(signal);
      const drift = await this.#drift(signal);
      const replicas: MeasuresRecord[] = [];
      for (const [k, one] of from.entries()) {
        const similarity = this.#does('similarity') ? await this.#similarity(before, one, after, k) : undefined;
        replicas.push({
          ...(drift && { drift: driftOf(drift, k, this.#parameters, distributions?.[k]) }),
          ...this.#conflict(before, one, after, k, distributions?.[k]),
          ...(similarity && { similarity }),
          ...(before.probe &&
            after.probe && {
              probe: {
                metric: this.#options.tasks[0].mainMetric,
                before: before.probe[one]!,
                after: after.probe[k]!,
              },
            }),
          ...(before.maskedLm &&
            after.maskedLm && {
              masked_lm: { before: before.maskedLm.losses[one]!, after: after.maskedLm.losses[k]! },
            }),
        });
      }
      return { settings: this.#settings(before), ...this.#account.totals(), replicas };
    } finally {
      this.release();
    }
  }

  /** Gives up; needed only where `after` is not called. */
  release(): void {
    if (this.#slot !== undefined) this.#model.session.release(this.#slot);
    this.#slot = undefined;
    this.#before = undefined;
  }

  async #point(signal: AbortSignal | undefined): Promise<Point> {
    const { plan, tasks, seed } = this.#options;
    const operation = signal === undefined ? {} : { signal };
    const spend = <T>(name: MeasureName, work: () => Promise<T>): Promise<T | undefined> =>
      this.#does(name) ? this.#account.spend(name, work) : Promise.resolve(undefined);
    const scored = { ...this.#scored, ...operation };
    const gradients = await spend('conflict', () =>
      compareGradients(this.#model, tasks, { rows: plan.rows.conflict, seed, ...operation }),
    );
    const states = await spend('similarity', () => statesOf(this.#model, tasks[0], scored, 'layers'));
    const probe = await spend('probe', async () => {
      const features = states ?? (await statesOf(this.#model, tasks[0], scored, 'cls'));
      return this.#probe(features, operation);
    });
    const maskedLm = await spend('masked_lm', () =>
      maskedLmLoss(this.#model, plan.text!, { chosen: this.#text!, ...operation }),
    );
    return { gradients, states, probe, maskedLm };
  }

  async #probe(scored: readonly Float32Array[], operation: Operation): Promise<ProbePoint[]> {
    const [task] = this.#options.tasks;
    const chosen = { ...this.#fitted, ...operation };
    const fitted = await statesOf(this.#model, task, chosen, 'cls');
    const heads = await headScores(this.#model, task, { ...this.#scored, ...operation });
    const hidden = this.#model.config.hidden_size;
    const points: ProbePoint[] = [];
    for (const [k, head] of heads.entries()) {
      const train = { features: lastLayer(fitted[k]!, chosen.rows.length, hidden), labels: labelsOf(chosen) };
      const features = lastLayer(scored[k]!, this.#scored.rows.length, hidden);
      const { score, strength } = await fitProbe(task, train, { features, labels: labelsOf(this.#scored) });
      operation.signal?.throwIfAborted();
      points.push({ probe: score, head, strength });
    }
    return points;
  }

  #drift(signal: AbortSignal | undefined): Promise<Float64Array | undefined> {
    const slot = this.#slot;
    const { session } = this.#model;
    if (slot === undefined) return Promise.resolve(undefined);
    return this.#account.spend('drift', () =>
      withSignal(session, signal, () => session.compare({ buffer: 'weights' }, { buffer: 'slot', slot })),
    );
  }

  #conflict(
    before: Point,
    one: number,
    after: Point,
    k: number,
    distribution: RateDistribution | undefined,
  ): Pick<MeasuresRecord, 'conflict'> {
    if (before.gradients === undefined || after.gradients === undefined) return {};
    return {
      conflict: {
        before: conflictOf(before.gradients, one, this.#parameters, distribution),
        after: conflictOf(after.gradients, k, this.#parameters, distribution),
      },
    };
  }

  #similarity(before: Point, one: number, after: Point, k: number): Promise<SimilarityRecord> {
    return this.#account.spend('similarity', async () => {
      const rows = this.#scored.rows.length;
      const depth = this.#model.config.num_hidden_layers + 1;
      const layers: Record<string, Measured> = {};
      // The first token's embedding is the same in every row, so there is nothing to compare below the first layer.
      for (let l = 1; l < depth; l++) {
        // Products of wide layers take a while: let others have the thread between two of them.
        await setImmediate();
        const x = centredLayer(before.states![one]!, rows, depth, l);
        const y = centredLayer(after.states![k]!, rows, depth, l);
        layers[`layer_${l - 1}`] = linearCka(x, y);
      }
      return { layers };
    });
  }

  #origin(origin: readonly number[] | undefined): readonly number[] {
    const { replicas } = this.#model;
    const had = this.#replicas;
    if (origin === undefined && had !== 1 && had !== replicas)
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `${replicas} replicas do not say which of the ${had} they come from`,
        {
          remedy: 'Give `origin`, the order that the replicas were set by.',
        },
      );
    const from = origin ?? Array.from({ length: replicas }, (_, k) => (had === 1 ? 0 : k));
    if (from.length !== replicas || from.some((one) => !Number.isInteger(one) || one < 0 || one >= had))
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `origin: expected ${replicas} numbers from 0 to ${had - 1}, received [${from.join(', ')}]`,
      );
    return from;
  }

  #settings(before: Point): StageMeasures['settings'] {
    const { plan, tasks, seed, split = 'validation' } = this.#options;
    const both = tasks.map((task) => chooseRows(splitOf(task, 'train'), plan.rows.conflict, seed, 'train').length);
    return {
      measures: plan.measures,
      tasks: [tasks[0].name, tasks[1].name],
      seed,
      split,
      rows: {
        ...(this.#does('conflict') ? { conflict: Math.min(...both) } : {}),
        ...(this.#does('similarity') || this.#does('probe') ? { scored: this.#scored.rows.length } : {}),
        ...(this.#does('probe') ? { probe: this.#fitted.rows.length } : {}),
        ...(this.#text === undefined ? {} : { masked_lm: this.#text.length }),
      },
      ...(before.maskedLm === undefined ? {} : { masked_tokens: before.maskedLm.tokens }),
    };
  }

  #does(name: MeasureName): boolean {
    return this.#options.plan.measures.includes(name);
  }
}

function requireRows(task: Task, scored: Chosen, fitted: Chosen): void {
  if (labelsOf(scored).includes(NaN))
    throw new LrdistError('ERR_INVALID_OPTION', `a probe of ${task.name} needs labels to score against`, {
      remedy: 'Use the validation split.',
    });
  if (fitted.rows.length < 4 || labelsOf(fitted).includes(NaN))
    throw new LrdistError('ERR_INVALID_OPTION', `a probe of ${task.name} needs at least 4 train rows with labels`);
}
