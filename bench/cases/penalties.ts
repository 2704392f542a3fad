import type { NativePenalty, NativePlan, NativeSession, NativeTransform } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import type { BenchCase } from '../lib/case.ts';
import { spread } from '../lib/statistics.ts';

const batch = 32;
const vocab = 30_522;
/** MiniLM-L6-H384 */
const shape = { hidden: 384, layers: 6, heads: 12, intermediate: 1536 };

type Recipe = { readonly penalty?: NativePenalty; readonly transform?: NativeTransform };

/**
 * What is compared with plain training. Slot 0 is the anchor, slot 1 the Fisher diagonal of a classified row, which knows nothing of the words that the
 * row has not, slot 2 that of a masked one, which knows all words.
 */
const recipes: Readonly<Record<string, Recipe>> = {
  plain: {},
  'l2-sp': { penalty: { kind: 'l2-sp', anchor: 0, strength: 0.01, headStrength: 0.01 } },
  ewc: { penalty: { kind: 'ewc', anchor: 0, fisher: 1, strength: 1 } },
  'ewc-pretrained': { penalty: { kind: 'ewc', anchor: 0, fisher: 2, strength: 1 } },
  recadam: { penalty: { kind: 'recadam', anchor: 0, strength: 5000, slope: 0.1, midpoint: 250 } },
  mixout: { transform: { kind: 'mixout', anchor: 0, probability: 0.7 } },
  'child-f': { transform: { kind: 'child-f', probability: 0.3 } },
  'child-d': { transform: { kind: 'child-d', fisher: 1, probability: 0.3 } },
};

interface Runner {
  readonly name: string;
  readonly session: NativeSession;
  readonly dataset: number;
  stepsDone: number;
}

/** Rows of 30 to 84 tokens, 57 on average; words are as frequent as their rank says (Zipf). */
function rows(session: NativeSession, count: number, seed: number): number {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const offsets = [0];
  for (let row = 0; row < count; row++) offsets.push(offsets.at(-1)! + 30 + Math.floor(55 * next()));
  const tokens = offsets.at(-1)!;
  return session.addDataset({
    inputIds: Int32Array.from({ length: tokens }, () => Math.min(vocab - 1, Math.floor(vocab ** next()))),
    typeIds: new Uint8Array(tokens),
    offsets: Int32Array.from(offsets),
    labels: Float32Array.from({ length: count }, (_, row) => row % 2),
  });
}

async function open(name: string, recipe: Recipe, decay: number, seed: number, rowCount: number): Promise<Runner> {
  const session = new (loadNative().Session)({
    model: {
      vocab,
      maxPositions: 512,
      typeVocab: 2,
      layerNormEps: 1e-12,
      hiddenDropout: 0.1,
      attentionDropout: 0.1,
      pooler: true,
      ...shape,
    },
    heads: [
      { name: 'main', kind: 'classification', outputs: 2, pool: 'pooler', dropout: 0.1 },
      { name: 'mlm', kind: 'masked-lm', outputs: 0, pool: 'cls', dropout: 0 },
    ],
    replicas: 1,
    device: 'cpu',
    precision: 'fp32',
    threads: 1,
    seed,
    matmul: 'auto',
  });
  const parameters = session.parameters();
  await session.initialize(Int32Array.from(parameters.keys()), 0.02, seed);
  const dataset = rows(session, rowCount, seed);
  await session.snapshot('weights');
  const one = { dataset, rows: Int32Array.of(0), labels: 'data' } as const;
  await session.fisher({ ...one, head: 0, loss: 'cross-entropy' });
  const masking = { probability: 0.15, maskId: 103, special: Int32Array.of(0) };
  await session.fisher({ ...one, head: 1, loss: 'masked-lm', masking });
  const plan: NativePlan = {
    groupOf: new Int32Array(parameters.length),
    groups: 1,
    rates: Float64Array.of(5e-5),
    decay: Float64Array.of(decay),
    optimizer: { name: 'adamw', beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    moments: 'fresh',
    anchored: Uint8Array.from(parameters, (p) => Number(p.name.startsWith('bert.'))),
    ...(recipe.penalty && { penalties: [recipe.penalty] }),
    ...(recipe.transform && { transforms: [recipe.transform] }),
  };
  session.setPlan(plan);
  return { name, session, dataset, stepsDone: 0 };
}

/** CPU milliseconds of the whole process per step of `batch` rows; nothing else runs in it. */
async function stepTime(runner: Runner, steps: number, batch: number, rowCount: number): Promise<number> {
  const before = process.cpuUsage();
  await runner.session.train(
    {
      steps,
      parts: [{ head: 0, dataset: runner.dataset, loss: 'cross-entropy' }],
      batchPart: new Int32Array(steps),
      batchStep: Int32Array.from({ length: steps }, (_, i) => i),
      rows: Int32Array.from({ length: steps * batch }, (_, i) => i % rowCount),
      rowOffsets: Int32Array.from({ length: steps + 1 }, (_, i) => i * batch),
      weights: new Float64Array(steps).fill(1),
      factors: new Float64Array(steps).fill(1),
      factorsPerGroup: false,
      clipNorm: 1,
      stepOffset: runner.stepsDone,
      dropout: true,
      reportMs: 10_000,
    },
    () => {},
  );
  runner.stepsDone += steps;
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / steps;
}

/**
 * What penalties and transforms add to a step: CPU time of one thread. It does not depend on the batch once its words have been met, so it is
 * measured on steps of one row, where a millisecond shows, and set against a plain step of the whole batch.
 */
export const penalties: BenchCase = {
  name: 'penalties',
  summary: 'what penalties and transforms add to a step of MiniLM, batch 32 of about 57 tokens, one thread',
  async run({ rounds, steps, seeds }, log) {
    const seed = seeds[0]!;
    const rowCount = 2 * batch;
    const whole: Record<string, number[]> = {};
    const short: Record<string, Record<string, number[]>> = {};
    for (const decay of [0, 0.01]) {
      const key = `decay ${decay}`;
      const runners: Runner[] = [];
      const found: Record<string, number[]> = (short[key] = {});
      try {
        for (const [name, recipe] of Object.entries(recipes)) {
          runners.push(await open(name, recipe, decay, seed, rowCount));
          found[name] = [];
        }
        // Meets the words, and makes moments and mixed weights.
        for (const runner of runners) await stepTime(runner, 2, batch, rowCount);
        whole[key] = [];
        for (let round = 0; round < rounds; round++) {
          whole[key].push(await stepTime(runners[0]!, 1, batch, rowCount));
          const first = round % runners.length;
          // Interleaved, and begun by another side each round: drift of the machine meets all of them.
          for (const runner of [...runners.slice(first), ...runners.slice(0, first)])
            found[runner.name]!.push(await stepTime(runner, steps, 1, rowCount));
          const line = Object.entries(found).map(([name, values]) => `${name} ${values.at(-1)!.toFixed(1)}`);
          log(
            `${key}, round ${round + 1} of ${rounds}: whole step ${whole[key].at(-1)!.toFixed(0)} ms; ${line.join(', ')}`,
          );
        }
      } finally {
        for (const { session } of runners) session.closeSync();
      }
    }
    const added = Object.entries(short).map(([key, sides]) => {
      const step = spread(whole[key]!).median;
      const plain = spread(sides['plain']!).median;
      const others = Object.entries(sides).filter(([name]) => name !== 'plain');
      const percent = (values: number[]) => Number(((100 * (spread(values).median - plain)) / step).toFixed(2));
      return [key, Object.fromEntries(others.map(([name, values]) => [name, percent(values)]))] as const;
    });
    return {
      headline: added
        .map(([key, sides]) => {
          const parts = Object.entries(sides).map(([name, percent]) => `${name} ${percent.toFixed(1)} %`);
          return `added to a step with ${key}: ${parts.join(', ')}`;
        })
        .join('; '),
      commands: { all: `npm run bench -- penalties --rounds ${rounds} --steps ${steps} --seeds ${seed}` },
      seeds: [seed],
      settings: { model: shape, vocab, batch, tokensPerRow: 57, steps, rounds, threads: 1, precision: 'fp32' },
      addedPercent: Object.fromEntries(added),
      wholeStepMilliseconds: whole,
      shortStepMilliseconds: short,
    };
  },
};
