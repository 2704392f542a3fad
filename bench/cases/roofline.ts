import { loadNative } from '../../lib/native/load.ts';
import { type LinearPeak, type LinearShape, measurePeaks, type Peaks } from '../../lib/native/peaks.ts';
import type { BenchCase, Precision } from '../lib/case.ts';

/** Packed tokens of 32 MRPC rows, rounded up as a step does. */
const tokens = 1600;

const sizes: Readonly<Record<string, { readonly hidden: number; readonly intermediate: number }>> = {
  minilm: { hidden: 384, intermediate: 1536 },
  'bert-base': { hidden: 768, intermediate: 3072 },
  'bert-tiny': { hidden: 128, intermediate: 512 },
};

const forms = ['forward', 'inputGradient', 'weightGradient'] as const;

/** The linear layers of one encoder layer: query with key and value, attention's output, up, down. */
function layersOf(model: string): LinearShape[] {
  const size = sizes[model];
  if (size === undefined) throw new Error(`--models: expected ${Object.keys(sizes).join(', ')}, received ${model}`);
  const { hidden: h, intermediate: i } = size;
  return [
    { m: tokens, n: 3 * h, k: h },
    { m: tokens, n: h, k: h },
    { m: tokens, n: i, k: h },
    { m: tokens, n: h, k: i },
  ];
}

/** FLOP/s over all products of the layers, each by its best library. */
export function layerRate(products: readonly LinearPeak[]): number {
  let flops = 0;
  let seconds = 0;
  for (const product of products) {
    const work = 2 * product.m * product.n * product.k;
    for (const form of forms) {
      flops += work;
      seconds += work / product[form].best;
    }
  }
  return flops / seconds;
}

const giga = (rate: number): string => (rate / 1e9).toFixed(0);

/** What the matrix units and the memory of this machine give to lrdist's steps: the peaks that shares of the limit refer to. */
export const roofline: BenchCase = {
  name: 'roofline',
  summary: "rates of each library's matrix products in a step's shapes, and of a copy",
  defaults: { models: Object.keys(sizes), precisions: ['fp32', 'bf16'], rounds: 20 },
  async run({ models, precisions, rounds, threads }, log) {
    const native = loadNative();
    const possible = precisions
      .filter((precision) => precision !== 'tf32')
      .filter((precision) => precision === 'fp32' || native.info().bf16);
    const peaks: Record<string, Peaks> = {};
    const rates: Record<string, number> = {};
    for (const model of models) {
      for (const precision of possible) {
        const found = await measurePeaks({ shapes: layersOf(model), threads, precision, rounds });
        const name = `${model} ${precision}`;
        peaks[name] = found;
        rates[name] = layerRate(found.products);
        log(`${name}: ${giga(rates[name])} GFLOP/s`);
        for (const line of productLines(found)) log(`  ${line}`);
      }
    }
    const copies = Object.values(peaks).map(({ copyBytesPerSecond }) => copyBytesPerSecond);
    const copyBytesPerSecond = Math.max(...copies);
    return {
      headline: `${models.map((model) => `${model} ${shown(model, possible, rates)}`).join(', ')} GFLOP/s (${possible.join('/')}), copy ${giga(copyBytesPerSecond)} GB/s, ${threads} threads`,
      threads,
      tokens,
      rounds,
      rates,
      copyBytesPerSecond,
      peaks,
      commands: {
        roofline: `npm run bench -- roofline --models ${models.join(',')} --precisions ${possible.join(',')} --threads ${threads} --rounds ${rounds}`,
      },
      seeds: [],
    };
  },
};

function shown(model: string, precisions: readonly Precision[], rates: Readonly<Record<string, number>>): string {
  return precisions.map((precision) => giga(rates[`${model} ${precision}`]!)).join('/');
}

/** One line for each product: GFLOP/s by library. */
function productLines({ products }: Peaks): string[] {
  return products.flatMap((product) =>
    forms.map((form) => {
      const rates = Object.entries(product[form].byLibrary).map(
        ([library, rate]) => `${library} ${Number.isNaN(rate) ? '-' : giga(rate)}`,
      );
      return `${product.m} x ${product.n} x ${product.k} ${form}: ${rates.join(', ')}`;
    }),
  );
}
