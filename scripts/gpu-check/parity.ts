/**
 * The device against the CPU engine in fp32, and replica k of several against the same job alone: greatest differences of logits, losses, gradients and weights.
 * In fp32 they must be within 1e-4 of the CPU's; for bf16 and tf32 they are stated, and only gross errors fail.
 *
 *   node scripts/gpu-check/parity.ts --device cuda [--shapes small,minilm] [--no-results]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cardOf } from '../../bench/lib/card.ts';
import { saveResult } from '../../bench/lib/results.ts';
import type { Precision } from '../../lib/native/boundary.ts';
import { chooseDevice } from '../../lib/native/choose-device.ts';
import { deviceKind } from '../../lib/native/devices.ts';
import { loadNative } from '../../lib/native/load.ts';
import { relativeOfEach, relativeOfTensor, type Worst, worstOf } from './differences.ts';
import {
  logitsOf,
  openOn,
  type Opened,
  ratesOf,
  run,
  type Shape,
  shapes,
  steps,
  tensorsOf,
  writeWeights,
} from './jobs.ts';

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda' },
    shapes: { type: 'string' },
    results: { type: 'boolean', default: true },
  },
  allowNegative: true,
});
const device = chooseDevice(values.device, loadNative().info());
const kind = deviceKind(device);
// The emulator is slow.
const chosen = values.shapes?.split(',') ?? (kind === 'emulated' ? ['small'] : shapes.map(({ name }) => name));
const precisions: readonly Precision[] = kind === 'cuda' ? ['fp32', 'tf32', 'bf16'] : ['fp32', 'bf16'];

/** Of the greatest number; gradients of the first step, weights after the last. */
interface Differences {
  readonly logits: number;
  readonly losses: number;
  readonly gradientNorms: number;
  readonly gradients: Worst;
  readonly weights: Worst;
}

/** Bounds; stated ones are wide. Weights are no gate in low precision: Adam makes whole steps of gradients that are rounding. */
const bounds: Readonly<
  Record<Precision, Readonly<Record<'logits' | 'losses' | 'gradientNorms' | 'gradients', number>>>
> = {
  fp32: { logits: 1e-4, losses: 1e-4, gradientNorms: 1e-4, gradients: 1e-4 },
  tf32: { logits: 2e-2, losses: 1e-2, gradientNorms: 2e-2, gradients: 5e-2 },
  bf16: { logits: 5e-2, losses: 2e-2, gradientNorms: 5e-2, gradients: 1e-1 },
};

const replicas = 3;
const folder = mkdtempSync(join(tmpdir(), 'lrdist-parity-'));
const failures: string[] = [];
const comparisons: Record<string, unknown>[] = [];
try {
  for (const shape of shapes.filter(({ name }) => chosen.includes(name))) {
    const weights = join(folder, `${shape.name}.safetensors`);
    await writeWeights(weights, shape);
    const reference = await measure('cpu', shape, 'fp32', weights);
    for (const precision of precisions) {
      const found = await measure(device, shape, precision, weights);
      compare(`${shape.name} ${precision} against the CPU engine`, precision, differencesOf(found, reference));
      const alone = await measureAlone(device, shape, precision, weights);
      // The same arithmetic in products of another batch.
      compare(
        `${shape.name} ${precision}, replica ${replicas - 1} of ${replicas} against it alone`,
        precision,
        differencesOf(ofLast(found), alone),
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (values.results && kind === 'cuda') {
  const fp32 = comparisons.filter(({ precision }) => precision === 'fp32');
  const losses = Math.max(...fp32.map((each) => each['losses'] as number));
  saveResult(
    'gpu-parity',
    {
      headline: `fp32 within ${losses.toExponential(1)} of the CPU engine in ${steps} losses, ${failures.length} of ${comparisons.length} comparisons out of bounds`,
      commands: { parity: `node scripts/gpu-check/parity.ts --device ${values.device}` },
      seeds: [],
      bounds,
      comparisons,
      failures,
    },
    cardOf(device),
  );
}
for (const failure of failures) console.error(failure);
console.log(JSON.stringify({ device, comparisons: comparisons.length, failures: failures.length }));
process.exitCode = failures.length === 0 ? 0 : 1;

interface Measured {
  readonly logits: Float32Array;
  readonly losses: Float32Array;
  readonly gradNorms: Float32Array;
  /** Of the last replica. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

async function measure(on: string, shape: Shape, precision: Precision, weights: string): Promise<Measured> {
  return measureRates(on, shape, precision, weights, ratesOf(replicas));
}

async function measureAlone(on: string, shape: Shape, precision: Precision, weights: string): Promise<Measured> {
  return measureRates(on, shape, precision, weights, ratesOf(replicas).slice(-1));
}

async function measureRates(
  on: string,
  shape: Shape,
  precision: Precision,
  weights: string,
  rates: readonly number[],
): Promise<Measured> {
  const first = await openOn(on, shape, precision, rates.length, weights);
  let gradients;
  try {
    await run(first, shape, rates, 1);
    gradients = await tensorsOf(first, 'gradients', rates.length - 1);
  } finally {
    first.session.closeSync();
  }
  const opened: Opened = await openOn(on, shape, precision, rates.length, weights);
  try {
    const logits = await logitsOf(opened);
    const { losses, gradNorms } = await run(opened, shape, rates);
    return { logits, losses, gradNorms, gradients, weights: await tensorsOf(opened, 'weights', rates.length - 1) };
  } finally {
    opened.session.closeSync();
  }
}

function ofLast({ logits, losses, gradNorms, ...rest }: Measured): Measured {
  const last = (all: Float32Array): Float32Array => all.slice(-all.length / replicas);
  return { ...rest, logits: last(logits), losses: last(losses), gradNorms: last(gradNorms) };
}

function differencesOf(actual: Measured, expected: Measured): Differences {
  // Keys' biases change nothing: their gradients are rounding.
  const tensors = (a: Measured['weights'], b: Measured['weights']): Worst =>
    worstOf(
      [...b]
        .filter(([name]) => !name.endsWith('self.key.bias'))
        .map(([name, own]) => [name, relativeOfTensor(a.get(name)!, own)]),
    );
  return {
    logits: relativeOfTensor(actual.logits, expected.logits),
    losses: relativeOfEach(actual.losses, expected.losses),
    gradientNorms: relativeOfEach(actual.gradNorms, expected.gradNorms),
    gradients: tensors(actual.gradients, expected.gradients),
    weights: tensors(actual.weights, expected.weights),
  };
}

function compare(what: string, precision: Precision, differences: Differences): void {
  comparisons.push({ what, precision, ...differences });
  const text = Object.entries(differences).map(([name, worst]) => {
    const { value, name: tensor } = typeof worst === 'number' ? { value: worst, name: '' } : (worst as Worst);
    return `${name} ${value.toExponential(1)}${tensor === '' ? '' : ` (${tensor})`}`;
  });
  console.log(`${what}: ${text.join(', ')}`);
  for (const [name, bound] of Object.entries(bounds[precision])) {
    const worst = differences[name as 'logits' | 'gradients'];
    const value = typeof worst === 'number' ? worst : worst.value;
    if (!(value <= bound)) failures.push(`${what}: ${name} differ by ${value}, above ${bound}`);
  }
}
