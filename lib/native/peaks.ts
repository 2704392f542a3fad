/** What the machine can do: the rates of matrix products and of memory that a training step is held against. */
import type { NativeSessionSpec } from './boundary.ts';
import { loadNative } from './load.ts';

/** A linear layer over m rows: its weight is [n, k], its input [m, k], its output [m, n]. */
export interface LinearShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

export interface PeakOptions {
  readonly shapes: readonly LinearShape[];
  readonly threads: number;
  /** Default fp32. */
  readonly precision?: 'fp32' | 'bf16';
  /** Runs of each product with each library, of which the fastest counts. Default 10. */
  readonly rounds?: number;
  readonly signal?: AbortSignal;
}

/** FLOP/s of one product by library; NaN where a library refuses. */
export interface ProductPeak {
  readonly best: number;
  readonly byLibrary: Readonly<Record<string, number>>;
}

export interface LinearPeak extends LinearShape {
  /** y = x w^T */
  readonly forward: ProductPeak;
  /** dx = dy w */
  readonly inputGradient: ProductPeak;
  /** dw = dy^T x */
  readonly weightGradient: ProductPeak;
}

export interface Peaks {
  readonly threads: number;
  readonly precision: 'fp32' | 'bf16';
  /** In the order of the shapes. */
  readonly products: readonly LinearPeak[];
  /** Bytes read and written in a second by a copy of memory that no cache holds. */
  readonly copyBytesPerSecond: number;
}

/**
 * Runs the products of these layers with every library of libtorch, and a copy, on the compute thread.
 *
 * @throws LrdistError ERR_NATIVE_NOT_BUILT, ERR_NATIVE_LOAD; Error with code ERR_INVALID_OPTION, ERR_OUT_OF_MEMORY; the signal's reason
 */
export async function measurePeaks(options: PeakOptions): Promise<Peaks> {
  const { shapes, threads, precision = 'fp32', rounds = 10, signal } = options;
  signal?.throwIfAborted();
  const session = new (loadNative().Session)(sessionSpec(threads));
  const stop = (): void => session.requestStop();
  signal?.addEventListener('abort', stop);
  try {
    const { libraries, flopsPerSecond, copyBytesPerSecond } = await session.measurePeaks({
      shapes: Int32Array.from(shapes.flatMap(({ m, n, k }) => [m, n, k])),
      precision,
      rounds,
    });
    const peak = (shape: number, form: number): ProductPeak => {
      const at = (3 * shape + form) * libraries.length;
      return peakOf(libraries, flopsPerSecond.subarray(at, at + libraries.length));
    };
    const products = shapes.map(({ m, n, k }, i) => ({
      m,
      n,
      k,
      forward: peak(i, 0),
      inputGradient: peak(i, 1),
      weightGradient: peak(i, 2),
    }));
    return { threads, precision, products, copyBytesPerSecond };
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    session.closeSync();
  }
}

function peakOf(libraries: readonly string[], rates: Float64Array): ProductPeak {
  const byLibrary = Object.fromEntries(libraries.map((name, i) => [name, rates[i]!]));
  return { best: Math.max(...rates.filter((rate) => !Number.isNaN(rate))), byLibrary };
}

/** The smallest session: it only lends its compute thread. */
function sessionSpec(threads: number): NativeSessionSpec {
  return {
    model: {
      vocab: 1,
      maxPositions: 1,
      typeVocab: 1,
      hidden: 16,
      layers: 1,
      heads: 1,
      intermediate: 16,
      layerNormEps: 1e-12,
      hiddenDropout: 0,
      attentionDropout: 0,
      pooler: false,
    },
    heads: [{ name: 'none', kind: 'classification', outputs: 1, pool: 'cls', dropout: 0 }],
    replicas: 1,
    device: 'cpu',
    precision: 'fp32',
    threads,
    seed: 0,
    matmul: 'mkl',
  };
}
