/**
 * The least time of a training step on a GPU, for one of several models that train side by side: all operations at the rate of its matrix products, or all
 * bytes at the speed of its memory, whichever is more, as if both overlapped perfectly. The GPU's rates are measured on the card.
 */
import {
  activationBytes,
  attentionFlops,
  forms,
  type ModelShape,
  optimizerBytes,
  productFlops,
  stepLinears,
  type StepWork,
} from './limit.ts';

export interface GpuRates {
  /** Operations a second of a large matrix product in the step's precision. */
  readonly flops: number;
  /** Bytes a second of a copy, reading and writing counted. */
  readonly copyBytes: number;
}

export interface GpuFloor {
  readonly flops: number;
  readonly bytes: number;
  readonly seconds: number;
}

export function gpuFloor(shape: ModelShape, work: StepWork, rates: GpuRates): GpuFloor {
  const linear = stepLinears(shape, work).reduce((sum, layer) => sum + forms.length * productFlops(layer), 0);
  const flops = linear + attentionFlops(shape, work);
  // Each weight of a product is read forward and backward, and its gradient written.
  const weights = stepLinears(shape, work).reduce((sum, { n, k, count }) => sum + n * k * count, 0);
  const bytes = optimizerBytes(work) + activationBytes(shape, work) + 3 * weights * (work.precision === 'bf16' ? 2 : 4);
  return { flops, bytes, seconds: Math.max(flops / rates.flops, bytes / rates.copyBytes) };
}
