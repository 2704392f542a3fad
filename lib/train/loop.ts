/** The loop of a run: segment after segment, with what happens between them. */
import { LrdistError } from '../errors.ts';
import type { NativePlan, NativeSegmentResult } from '../native/boundary.ts';
import { phase } from '../phase.ts';
import { EventQueue } from './events.ts';
import { fromNative } from './native-errors.ts';
import type { Boundary } from './options.ts';
import { batchesOf, epochAt, nextPause, rowsSeen } from './plan.ts';
import { Profile } from './profile.ts';
import { nativeRegularizers } from './regularizers.ts';
import type { Run, RunHost, RunPlan, RunResult, TrainEvent } from './run.ts';
import { isPlain, mixBatches } from './sources.ts';

/** Starts at once. */
export function startRun(host: RunHost, plan: RunPlan): Run {
  return new TrainingRun(host, plan);
}

class TrainingRun implements Run {
  readonly result: Promise<RunResult>;
  readonly #host: RunHost;
  readonly #plan: RunPlan;
  readonly #queue = new EventQueue();
  readonly #losses: Float32Array[];
  readonly #gradNorms: Float32Array[];
  readonly #nonFinite: number[];
  #step: number;
  #tokens: number;
  #secondsBefore: number;
  readonly #started = performance.now();
  #stopping = false;
  #training = false;
  /** Of the engine's plan: what does not change with the phases. */
  #base: NativePlan;

  constructor(host: RunHost, plan: RunPlan) {
    this.#host = host;
    this.#plan = plan;
    this.#base = plan.plan;
    const { total } = plan.counts;
    const { resume } = plan;
    const series = (before: readonly Float32Array[] | undefined): Float32Array[] =>
      Array.from({ length: host.replicas }, (_, k) => {
        const values = new Float32Array(total).fill(NaN);
        if (before?.[k] !== undefined) values.set(before[k].subarray(0, total));
        return values;
      });
    this.#losses = series(resume?.losses);
    this.#gradNorms = series(resume?.gradNorms);
    this.#nonFinite = resume === undefined ? new Array<number>(host.replicas).fill(-1) : [...resume.nonFinite];
    this.#step = resume?.step ?? 0;
    this.#tokens = resume?.tokens ?? 0;
    this.#secondsBefore = resume?.seconds ?? 0;
    this.result = this.#run();
    // The iterator throws the same error, so a reader of events alone must not meet an unhandled rejection.
    this.result.then(
      () => this.#queue.end(),
      (reason: unknown) => this.#queue.end({ reason }),
    );
  }

  [Symbol.asyncIterator](): AsyncIterator<TrainEvent> {
    return this.#queue.read();
  }

  stop(): void {
    this.#stopping = true;
    if (this.#training) this.#host.session.requestStop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.result.catch(() => undefined);
  }

  async #run(): Promise<RunResult> {
    const { signal, counts, resume } = this.#plan;
    signal?.throwIfAborted();
    const onAbort = (): void => {
      if (this.#training) this.#host.session.requestStop();
    };
    signal?.addEventListener('abort', onAbort);
    let start: number | undefined;
    const { profile: wanted } = this.#plan;
    using own = typeof wanted === 'string' ? new Profile() : undefined;
    try {
      (own ?? (wanted as Profile | undefined))?.record(this.#host.session);
      start = await this.#regularize();
      this.#host.session.setPlan({ ...this.#base, ...this.#phase() });
      await resume?.restore();
      this.#queue.push({ type: 'groups', rows: this.#plan.groups });
      while (this.#step < counts.total && !this.#stopping) {
        const early = await phase('training', () => this.#segment());
        signal?.throwIfAborted();
        if (early) break;
        await this.#pause();
        signal?.throwIfAborted();
      }
      const result = this.#finish();
      await own?.write(wanted as string);
      return result;
    } catch (error) {
      throw fromNative(error);
    } finally {
      if (start !== undefined) this.#host.session.release(start);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Puts pulls and transforms into the plan. Before a resume restores anything, so that the start is the run's. @returns the slot made for it */
  async #regularize(): Promise<number | undefined> {
    const { plan, regularization } = this.#plan;
    if (regularization === undefined) return undefined;
    const start = regularization.needsStart ? await this.#host.session.snapshot('weights') : undefined;
    this.#base = { ...plan, ...nativeRegularizers(regularization, start) };
    return start;
  }

  /** Rates and decay at the present step. */
  #phase(): Pick<RunPlan['plan'], 'rates' | 'decay'> {
    const { rates, decay } = this.#plan.phases.findLast(({ step }) => step <= this.#step)!;
    return { rates, decay };
  }

  /** Trains up to the next pause. True if the engine stopped before it. */
  async #segment(): Promise<boolean> {
    // Moments are of tensors: those that learned go on, those that join start anew.
    if (this.#step > 0 && this.#plan.phases.some(({ step }) => step === this.#step))
      this.#host.session.setPlan({ ...this.#base, ...this.#phase(), moments: 'keep' });
    const { counts, batching, factors, mixture, seed, clipNorm, dropout, frozenDropout, reportMs } = this.#plan;
    const from = this.#step;
    const to = this.#nextPause();
    const plain = batchesOf(counts, seed, from, to, batching);
    const batches = isPlain(mixture)
      ? { ...plain, batchPart: new Int32Array(plain.batchStep.length) }
      : mixBatches(mixture, plain, from, counts, seed);
    const K = this.#host.replicas;
    const segmentFactors = new Float64Array(K * (to - from));
    for (let k = 0; k < K; k++)
      segmentFactors.set(factors.subarray(k * counts.total + from, k * counts.total + to), k * (to - from));

    const began = performance.now();
    this.#training = true;
    let result: NativeSegmentResult;
    try {
      result = await this.#host.session.train(
        {
          steps: to - from,
          parts: mixture.parts,
          ...batches,
          factors: segmentFactors,
          factorsPerGroup: false,
          clipNorm,
          stepOffset: this.#host.steps,
          stageOffset: this.#host.steps - from,
          dropout,
          frozenDropout,
          reportMs,
        },
        (event) => {
          const seconds = (performance.now() - began) / 1000;
          const done = from + event.step;
          this.#queue.push({
            type: 'step',
            step: done,
            of: counts.total,
            epoch: epochAt(counts, done),
            losses: [...event.losses],
            gradNorms: [...event.gradNorms],
            factor: factors[Math.min(done, counts.total) - 1] ?? 0,
            tokensPerSecond: event.tokens / seconds,
            secondsLeft: (seconds / event.step) * (counts.total - done),
            dropped: 0,
          });
        },
      );
    } finally {
      this.#training = false;
    }
    this.#take(result, from, to - from);
    return result.stopped;
  }

  #nextPause(): number {
    const { counts, loggingSteps, evaluateEvery, evaluate, pauseEvery, pauseAt } = this.#plan;
    const every = [loggingSteps, ...pauseEvery, evaluate.length > 0 && evaluateEvery !== 'epoch' ? evaluateEvery : 0];
    return nextPause(counts, this.#step, every, [...pauseAt, ...this.#plan.phases.map(({ step }) => step)]);
  }

  /** Books what a segment did. */
  #take(result: NativeSegmentResult, from: number, asked: number): void {
    this.#step = from + result.steps;
    this.#host.steps += result.steps;
    this.#tokens += result.tokens;
    for (let k = 0; k < this.#host.replicas; k++) {
      const frozen = this.#nonFinite[k]! >= 0;
      const at = result.nonFinite[k]!;
      if (!frozen) {
        this.#losses[k]!.set(result.losses.subarray(k * asked, k * asked + result.steps), from);
        this.#gradNorms[k]!.set(result.gradNorms.subarray(k * asked, k * asked + result.steps), from);
        if (at >= 0) {
          this.#nonFinite[k] = from + at;
          this.#queue.push({ type: 'not-finite', replica: k, step: from + at });
        }
      }
    }
    if (this.#nonFinite.every((step) => step >= 0)) {
      const K = this.#nonFinite.length;
      throw new LrdistError(
        'ERR_LOSS_NOT_FINITE',
        `the loss stopped being finite at step ${Math.max(...this.#nonFinite) + 1} of ${this.#plan.counts.total}${K > 1 ? ` in all ${K} replicas` : ''}`,
        { remedy: 'Use lower rates, a longer warm-up (--warmup_ratio 0.1), or gradient clipping (--max_grad_norm 1).' },
      );
    }
  }

  async #pause(): Promise<void> {
    const { counts, loggingSteps, evaluate, evaluateEvery, pauseEvery, pauseAt, onPause, signal } = this.#plan;
    const step = this.#step;
    const epoch = epochAt(counts, step);
    if (loggingSteps > 0 && step % loggingSteps === 0) this.#log(step, epoch, loggingSteps);
    const atEpochEnd = step % counts.stepsPerEpoch === 0 || step === counts.total;
    if (atEpochEnd) {
      const begin = Math.floor((step - 1) / counts.stepsPerEpoch) * counts.stepsPerEpoch;
      this.#queue.push({
        type: 'epoch',
        epoch,
        step,
        losses: this.#losses.map((losses) => mean(losses.subarray(begin, step))),
      });
    }
    if (evaluateEvery === 'epoch' ? atEpochEnd : step % evaluateEvery === 0) {
      for (const { task, splits } of evaluate) {
        for (const split of splits) {
          const began = performance.now();
          const scores = await this.#host.evaluate(task, {
            split,
            labelSmoothing: this.#plan.part.labelSmoothing ?? 0,
            ...(signal === undefined ? {} : { signal }),
          });
          const seconds = (performance.now() - began) / 1000;
          this.#queue.push({ type: 'evaluation', step, epoch, task: task.name, split, scores, seconds });
        }
      }
    }
    if (
      onPause !== undefined &&
      (step === counts.total || atEpochEnd || pauseEvery.some((n) => step % n === 0) || pauseAt.includes(step))
    ) {
      const answer = await onPause(this.#boundary());
      if (answer === 'stop') this.#stopping = true;
    }
  }

  #log(step: number, epoch: number, span: number): void {
    const { counts, factors } = this.#plan;
    this.#queue.push({
      type: 'log',
      step,
      epoch,
      losses: this.#losses.map((losses) => mean(losses.subarray(step - span, step))),
      gradNorms: this.#gradNorms.map((norms) => norms[step - 1]!),
      // A Trainer logs the rate after the scheduler moved on: that of the next step.
      factor: step < counts.total ? factors[step]! : 0,
    });
  }

  #boundary(): Boundary {
    return {
      step: this.#step,
      total: this.#plan.counts.total,
      epoch: epochAt(this.#plan.counts, this.#step),
      epochEnd: this.#step % this.#plan.counts.stepsPerEpoch === 0 || this.#step === this.#plan.counts.total,
      losses: this.#losses.map((losses) => losses.subarray(0, this.#step)),
      gradNorms: this.#gradNorms.map((norms) => norms.subarray(0, this.#step)),
      nonFinite: [...this.#nonFinite],
      tokens: this.#tokens,
      seconds: this.#seconds(),
      emit: (event) => this.#queue.push(event),
    };
  }

  #seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#started) / 1000;
  }

  #finish(): RunResult {
    const { counts, seed, batching } = this.#plan;
    return {
      steps: this.#step,
      epochs: epochAt(counts, this.#step),
      losses: this.#losses.map((losses) => losses.slice(0, this.#step)),
      gradNorms: this.#gradNorms.map((norms) => norms.slice(0, this.#step)),
      nonFinite: [...this.#nonFinite],
      tokens: this.#tokens,
      rows: rowsSeen(counts, this.#step, seed, batching),
      seconds: this.#seconds(),
      stopped: this.#step < counts.total,
    };
  }
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
