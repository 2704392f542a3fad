// Our own product kernels, which small weights go to, against the libraries.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Matmul } from '../../lib/native/boundary.ts';
import { loadNative } from '../../lib/native/load.ts';
import { tinyData, tinyModel, tinyPlan, tinySegment, tinySpec } from '../helpers/native.ts';

type Precision = 'fp32' | 'bf16';

const rows = 256;

interface Setting {
  readonly matmul: Matmul;
  readonly precision: Precision;
  readonly threads?: number;
  /** Without it, query, key and value are one product. */
  readonly queryFrozen?: boolean;
}

/** The gradients of a step of two batches of 512 tokens, which are added up. */
async function gradients({ matmul, precision, threads = 1, queryFrozen = false }: Setting) {
  const session = new (loadNative().Session)({
    ...tinySpec,
    ...{ device: 'cpu', matmul, precision, threads },
    model: { ...tinyModel, hidden: 128, intermediate: 256 },
  });
  await session.initialize(Int32Array.from(session.parameters().keys()), 0.1, 1);
  const dataset = session.addDataset(tinyData(rows));
  const names = session.parameters().map(({ name }) => name);
  const frozen = (name: string): boolean => queryFrozen && name.includes('query');
  session.setPlan({ ...tinyPlan(session), groupOf: Int32Array.from(names, (name) => (frozen(name) ? -1 : 0)) });
  await session.train(
    {
      ...tinySegment(dataset, 1),
      batchPart: new Int32Array(2),
      batchStep: new Int32Array(2),
      rows: Int32Array.from({ length: rows }, (_, i) => i),
      rowOffsets: Int32Array.of(0, rows / 2, rows),
      weights: Float64Array.of(0.5, 0.5),
    },
    () => undefined,
  );
  const values = new Map<string, Float32Array>();
  for (const [parameter, name] of names.entries())
    if (!frozen(name) && /encoder|pooler|embeddings/.test(name))
      values.set(name, await session.read({ buffer: 'gradients', parameter, replica: 0 }));
  const chosen = session.matmul();
  session.closeSync();
  return { values, chosen };
}

const { bf16 } = loadNative().info();
for (const precision of ['fp32', 'bf16'] as const)
  for (const queryFrozen of [false, true])
    test(`${precision}: gradients are those of the libraries${queryFrozen ? ', with a frozen query' : ''}`, {
      skip: precision === 'bf16' && !bf16,
    }, async (t) => {
      const own = await gradients({ matmul: 'auto', precision, queryFrozen });
      if (!own.chosen.includes('lrdist:')) return t.skip('not compiled for such a processor');
      const others = await gradients({ matmul: 'onednn', precision, queryFrozen });
      assert.deepEqual([...own.values.keys()], [...others.values.keys()]);
      for (const [name, expected] of others.values) {
        if (name.endsWith('key.bias')) continue; // changes no result: its gradient is rounding
        const actual = own.values.get(name)!;
        const largest = expected.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
        assert.ok(largest > 0, name);
        const off = expected.reduce((most, g, i) => Math.max(most, Math.abs(g - actual[i]!)), 0);
        assert.ok(off <= (precision === 'fp32' ? 1e-5 : 2e-2) * largest, `${name}: ${off} of ${largest}`);
      }
      for (const threads of [2, 3])
        assert.deepEqual((await gradients({ matmul: own.chosen, precision, queryFrozen, threads })).values, own.values);
    });
