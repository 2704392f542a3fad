// L2-SP and EWC in the gradient: every tensor against the formula, before clipping.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { NativePenalty } from '../../lib/native/boundary.ts';
import { assertNear, normOf, pull, type Pulled, withPull } from './helpers/pulls.ts';
import {
  anchoredBody,
  heads,
  isBody,
  openTiny,
  randomValues,
  rowCount,
  slotOf,
  type Steps,
  stepOf,
  take,
  type Values,
  word,
} from './helpers/tiny.ts';

/** The body and the trained head; the other heads have no gradient in these steps. */
const trained = (name: string) => isBody(name) || name.startsWith('classifier.three.');
// A float sum of two floats, and up to three roundings in the pull.
const rounding = 3e-7;

interface Case {
  readonly steps?: Steps;
  readonly anchored?: (name: string) => boolean;
  readonly trained?: (name: string) => boolean;
  readonly frozen?: (name: string) => boolean;
  readonly fisher?: Values;
}

type Slots = { readonly anchor: number; readonly fisher: number };

/** Gradient with the penalty = gradient without + formula, in every element. Returns both. */
async function addsFormula(t: TestContext, penaltyOf: (slots: Slots) => NativePenalty, test: Case = {}) {
  const tiny = await openTiny(t);
  const { session, dataset } = tiny;
  const rows = Int32Array.from({ length: rowCount }, (_, row) => row);
  const fisherSlot =
    test.fisher === undefined
      ? await session.fisher({ head: heads.three, dataset, rows, loss: 'cross-entropy', labels: 'data' })
      : await slotOf(session, test.fisher);
  const anchored = test.anchored ?? isBody;
  const frozen = test.frozen ?? (() => false);
  const penalty = penaltyOf({ anchor: await slotOf(session, randomValues(session, 9)), fisher: fisherSlot });
  const pulled: Pulled = {
    penalty,
    weights: await take(session, 'weights'),
    anchor: randomValues(session, 9),
    fisher: await take(session, 'slot', 0, fisherSlot),
    anchored,
  };
  const groupOf = Int32Array.from(session.parameters(), ({ name }) => (frozen(name) ? -1 : 0));
  const plain = await stepOf(tiny, { groupOf }, test.steps);
  const plan = { groupOf, penalties: [penalty], anchored: anchoredBody(session, anchored) };
  const penalized = await stepOf(tiny, plan, test.steps);

  let elements = 0;
  for (const { name } of session.parameters()) {
    const g = plain.gradients.get(name)!;
    const added = (test.trained ?? trained)(name) && !frozen(name) ? pull(name, pulled) : new Float64Array(g.length);
    const expected = added.map((value, i) => value + g[i]!);
    const scale = added.map((value, i) => Math.abs(value) + Math.abs(g[i]!));
    assertNear(name, penalized.gradients.get(name)!, expected, { relative: rounding, scale });
    elements += added.filter((value) => value !== 0).length;
  }
  assert.ok(elements > 1000, `only ${elements} elements were pulled`);
  assertNear('gradNorm', [penalized.norm], [normOf(penalized.gradients)], { relative: 1e-6 });
  assert.equal(penalized.loss, plain.loss, 'the reported loss is the task’s');
  return { plain, penalized, pulled };
}

const l2sp =
  (strength: number, headStrength: number) =>
  ({ anchor }: Slots): NativePenalty => ({ kind: 'l2-sp', anchor, strength, headStrength });
const ewc =
  (strength: number) =>
  ({ anchor, fisher }: Slots): NativePenalty => ({ kind: 'ewc', anchor, fisher, strength });

test('L2-SP: strength (w - w0) on the body, headStrength w on the head', async (t) => {
  const { plain, penalized } = await addsFormula(t, l2sp(0.7, 0.03));
  // Rows 25 to 49 are in no text.
  const untouched = [plain, penalized].map(({ gradients }) => gradients.get(word)!.subarray(25 * 16));
  assert.ok(untouched[0]!.every((g) => g === 0) && untouched[1]!.every((g) => g !== 0));
});

test('L2-SP without a pull on the head leaves its gradient as it was', async (t) => {
  const { plain, penalized } = await addsFormula(t, l2sp(2, 0));
  const head = 'classifier.three.weight';
  assert.deepEqual(penalized.gradients.get(head), plain.gradients.get(head));
});

test('L2-SP with anchors for every tensor, and for none', async (t) => {
  await addsFormula(t, l2sp(0.5, 100), { anchored: () => true });
  await addsFormula(t, l2sp(100, 0.5), { anchored: () => false });
});

test('L2-SP on the masked-LM head: the dense gradient of the word embeddings', async (t) => {
  const masking = { probability: 0.5, maskId: 4, special: Int32Array.of(0) };
  await addsFormula(t, l2sp(0.7, 0.1), {
    steps: { parts: [{ head: heads.words, loss: 'masked-lm', masking }], batches: [[[0, 1, [0, 1, 2, 3, 4, 5]]]] },
    trained: (name) => (isBody(name) && !name.includes('pooler')) || name.startsWith('cls.'),
  });
});

test('a frozen tensor is not pulled, the word embeddings included', async (t) => {
  const frozen = (name: string) => /layer\.0\.|word_embeddings|pooler\.dense\.bias/.test(name);
  await addsFormula(t, l2sp(0.7, 0.1), { frozen });
  await addsFormula(t, ewc(30), { frozen });
});

test('EWC with the Fisher diagonal of the session', async (t) => {
  const { pulled } = await addsFormula(t, ewc(50));
  assert.ok(pulled.fisher!.get('bert.pooler.dense.weight')!.some((f) => f > 0));
});

test('EWC with a Fisher diagonal loaded into a slot', async (t) => {
  const probe = await openTiny(t);
  const fisher = randomValues(probe.session, 31, 0, 2);
  const { penalized } = await addsFormula(t, ewc(1.5), { fisher });
  assert.ok(
    penalized.gradients
      .get(word)!
      .subarray(25 * 16)
      .some((g) => Math.abs(g) > 0.1),
  );
  await addsFormula(t, ewc(1.5), { fisher, anchored: () => true });
});

test('accumulated batches are pulled once', async (t) => {
  const batches = [[[0, 0.5, [0, 1, 2]] as const, [0, 0.5, [3, 4, 5]] as const]];
  await addsFormula(t, l2sp(0.7, 0.03), { steps: { batches } });
});

test('clipping comes after the pull: the first moment is that of the clipped sum', async (t) => {
  const tiny = await openTiny(t);
  const { session } = tiny;
  const anchor = randomValues(session, 9);
  const penalty: NativePenalty = { kind: 'l2-sp', anchor: await slotOf(session, anchor), strength: 3, headStrength: 2 };
  const plain = await stepOf(tiny);
  const names = [...plain.gradients.keys()].filter(trained);
  const weights = await take(session, 'weights');
  const whole = withPull(plain.gradients, names, { penalty, weights, anchor, anchored: isBody });
  const norm = normOf(whole);
  const clipNorm = norm / 4;
  assert.ok(plain.norm < clipNorm / 2, 'the task’s gradient alone would not be clipped');
  const anchored = anchoredBody(session);
  const penalized = await stepOf(tiny, { penalties: [penalty], anchored }, { clipNorm });
  assertNear('gradNorm', [penalized.norm], [norm], { relative: 1e-6 });
  const moments = await take(session, 'exp_avg');
  for (const name of names) {
    const expected = whole.get(name)!.map((g) => 0.1 * g * (clipNorm / norm));
    assertNear(name, moments.get(name)!, expected, { relative: 1e-5, absolute: 1e-8 });
  }
});
