/** The Model that openModel gives. */
import { LrdistError } from '../errors.ts';
import type { NativeHead, NativeSession, NativeSessionSpec } from '../native/boundary.ts';
import { untrackSession } from '../native/load.ts';
import { phase } from '../phase.ts';
import type { LoadedReport, ModelConfig, WantedHead } from './hf.ts';
import { checkHeads, wantedHead } from './heads.ts';
import { startRun } from './loop.ts';
import type { EvaluateOptions, HeadOptions, Model, ModelParameter, Operation, SaveOptions, Scores } from './model.ts';
import { withSignal } from './native-errors.ts';
import type { TrainOptions } from './options.ts';
import { resolveTrain, unknownHead } from './resolve.ts';
import type { Run } from './run.ts';
import { saveModel } from './save.ts';
import { scoresOf } from './scores.ts';
import { type EncodedSplit, outputsOf, rowsOf, splitOf, type Task } from './task.ts';

export interface FineTunerParts {
  readonly path: string;
  readonly config: ModelConfig;
  readonly loaded: LoadedReport;
  readonly heads: readonly WantedHead[];
  readonly pool: 'pooler' | 'cls';
  readonly nativeHead: (head: WantedHead) => NativeHead;
  readonly session: NativeSession;
  readonly spec: NativeSessionSpec;
}

const defaultBatchTokens = 2048;

export class FineTuner implements Model {
  readonly path: string;
  readonly config: ModelConfig;
  readonly loaded: LoadedReport;
  readonly pool: 'pooler' | 'cls';
  readonly spec: NativeSessionSpec;
  steps = 0;
  readonly #parts: FineTunerParts;
  readonly #datasets = new Map<EncodedSplit, number>();
  #heads: readonly WantedHead[];
  #parameters: readonly ModelParameter[];
  #replicas: number;
  #run: Run | undefined;
  #disposed = false;
  #closing: Promise<void> | undefined;

  constructor(parts: FineTunerParts) {
    this.#parts = parts;
    this.path = parts.path;
    this.config = parts.config;
    this.loaded = parts.loaded;
    this.pool = parts.pool;
    this.spec = parts.spec;
    this.#heads = parts.heads;
    this.#parameters = parts.session.parameters();
    this.#replicas = parts.session.replicas();
  }

  get session(): NativeSession {
    this.#alive();
    return this.#parts.session;
  }

  get replicas(): number {
    return this.#replicas;
  }

  get heads(): readonly WantedHead[] {
    return this.#heads;
  }

  get parameters(): readonly ModelParameter[] {
    return this.#parameters;
  }

  train(options: TrainOptions): Run {
    this.#alive();
    if (this.#run !== undefined)
      throw new LrdistError('ERR_BUSY', 'the model is already training', {
        remedy: 'Await the result of the run under way, or stop it.',
      });
    const plan = resolveTrain(
      {
        replicas: this.#replicas,
        seed: this.spec.seed,
        heads: this.#heads,
        parameters: this.#parameters,
        dataset: (split) => this.dataset(split),
        head: (name) => this.head(name),
      },
      options,
    );
    const run = startRun(this, plan);
    this.#run = run;
    const done = (): void => {
      this.#run = undefined;
    };
    run.result.then(done, done);
    return run;
  }

  async evaluate(task: Task, options: EvaluateOptions = {}): Promise<readonly Scores[]> {
    const split = splitOf(task, options.split ?? 'validation');
    const logits = await phase('evaluating', () =>
      this.predict(split, { head: options.head ?? task.name, ...pick(options) }),
    );
    return logits.map((values) => scoresOf(task, values, split.labels, outputsOf(task), options));
  }

  async predict(
    split: EncodedSplit,
    options: Operation & { readonly head: string; readonly batchTokens?: number },
  ): Promise<readonly Float32Array[]> {
    const { session } = this;
    const head = this.head(options.head);
    const { kind, outputs } = this.#heads[head]!;
    if (kind === 'masked-lm')
      throw new LrdistError('ERR_INVALID_OPTION', `head "${options.head}" predicts tokens, not classes`, {
        remedy: 'Use its losses (session.evaluate), or a classification head.',
      });
    const dataset = this.dataset(split);
    const flat = await withSignal(session, options.signal, () =>
      session.evaluate({ head, dataset, want: 'logits', batchTokens: options.batchTokens ?? defaultBatchTokens }),
    );
    const size = rowsOf(split) * outputs;
    return Array.from({ length: this.#replicas }, (_, k) => flat.slice(k * size, (k + 1) * size));
  }

  async save(folder: string, options: SaveOptions = {}): Promise<void> {
    const { session } = this;
    const replica = options.replica ?? 0;
    if (!Number.isInteger(replica) || replica < 0 || replica >= this.#replicas) {
      throw new LrdistError('ERR_INVALID_OPTION', `replica: expected 0 to ${this.#replicas - 1}, received ${replica}`);
    }
    const classifiers = this.#heads.filter((head) => head.kind === 'classification');
    if (options.head === undefined && classifiers.length > 1) {
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `the model has ${classifiers.length} heads and a Hugging Face folder holds one`,
        {
          remedy: `Say which to save as \`head\`: ${classifiers.map((head) => head.name).join(', ')}, or null for none.`,
        },
      );
    }
    const head =
      options.head === null
        ? undefined
        : options.head === undefined
          ? classifiers[0]
          : this.#heads[this.head(options.head)]!;
    const parts = { session, replica, folder, source: this.path, config: this.config, pool: this.pool, head };
    await phase('saving the model', () => withSignal(session, options.signal, () => saveModel(parts)));
  }

  async setReplicas(order: readonly number[]): Promise<void> {
    const { session } = this;
    if (order.length === 0 || order.some((k) => !Number.isInteger(k) || k < 0 || k >= this.#replicas)) {
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `setReplicas: expected numbers of the replicas there are, 0 to ${this.#replicas - 1}, received [${order.join(', ')}]`,
      );
    }
    await withSignal(session, undefined, () => session.setReplicas(Int32Array.from(order)));
    this.#replicas = order.length;
  }

  async addHead(head: HeadOptions): Promise<void> {
    const { session } = this;
    const wanted = wantedHead(head.name, head.kind ?? 'classification', head.labels ?? null);
    const heads = checkHeads([...this.#heads, wanted]);
    if (wanted.kind === 'classification' && this.pool === 'pooler' && !this.spec.model.pooler) {
      throw new LrdistError(
        'ERR_INVALID_OPTION',
        `head "${head.name}" needs a pooler, and this model was opened without one`,
        { remedy: 'Name the task when the model is opened, or open it with pool "cls".' },
      );
    }
    await withSignal(session, undefined, async () => {
      await session.addHead(this.#parts.nativeHead(wanted));
      const parameters = session.parameters();
      const known = new Set(this.#parameters.map(({ name }) => name));
      const fresh = parameters.flatMap(({ name }, i) => (known.has(name) ? [] : [i]));
      await session.initialize(Int32Array.from(fresh), this.config.initializer_range, this.spec.seed);
      this.#parameters = parameters;
      this.#heads = heads;
    });
  }

  dataset(split: EncodedSplit): number {
    let handle = this.#datasets.get(split);
    if (handle === undefined) {
      handle = this.session.addDataset(split);
      this.#datasets.set(split, handle);
    }
    return handle;
  }

  head(name: string): number {
    const index = this.#heads.findIndex((head) => head.name === name);
    if (index < 0) throw unknownHead(name, this.#heads);
    return index;
  }

  dispose(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // The run still needs the session, to stop and to clear up.
    if (this.#run !== undefined) {
      this.#run.stop();
      await this.#run.result.catch(() => undefined);
    }
    this.#disposed = true;
    this.#parts.session.closeSync();
    untrackSession(this.#parts.session);
    this.#datasets.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  #alive(): void {
    if (this.#disposed)
      throw new LrdistError('ERR_DISPOSED', 'the model was disposed of', { remedy: 'Open it again with openModel.' });
  }
}

function pick({ signal, batchTokens }: EvaluateOptions): { signal?: AbortSignal; batchTokens?: number } {
  return { ...(signal === undefined ? {} : { signal }), ...(batchTokens === undefined ? {} : { batchTokens }) };
}
