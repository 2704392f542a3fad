// Weights after several steps with a pull, against Adam in double precision on the engine's own plain gradients.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { NativePenalty } from '../../lib/native/boundary.ts';
import { adamState, adamStep, type AdamStep, doubles } from './helpers/adam.ts';
import { assertNear, assertSame, normOf, withPull } from './helpers/pulls.ts';
import {
  anchoredBody,
  isBody,
  openTiny,
  planOf,
  put,
  randomValues,
  severalBatches,
  slotOf,
  stepOf,
  take,
  train,
  type Values,
  word,
} from './helpers/tiny.ts';

const trained = (name: string) => isBody(name) || name.startsWith('classifier.three.');
const rate = 0.01;
const steps = 5;

interface Run {
  readonly penalty: (slots: { anchor: number; fisher: number }) => NativePenalty;
  readonly optimizer?: 'adam' | 'adamw';
  readonly decay?: number;
  /** Where the anchor is: at the starting weights, or anywhere. */
  readonly anchor: 'start' | 'elsewhere';
  readonly clipNorm?: number;
  readonly stepOffset?: number;
  readonly stageOffset?: number;
  /** First word of whose embedding nothing is known: Fisher information 0 from here on. Default: none. */
  readonly unknownFrom?: number;
}

/** RecAdam (Chen et al. 2020): share of the task and pull of the anchor in step t = 1, 2, ... of the stage. */
function annealing(penalty: NativePenalty, t: number): { share: number; pull: number } | undefined {
  if (penalty.kind !== 'recadam') return undefined;
  const share = 1 / (1 + Math.exp(-penalty.slope * (t - penalty.midpoint)));
  return { share, pull: Math.min(1, rate * (1 - share) * penalty.strength) };
}

/** Trains, follows in double precision, and returns the weights at the end. */
async function follows(
  t: TestContext,
  run: Run,
): Promise<{ start: Values; end: Values; anchor: Values; touched: Float32Array }> {
  const tiny = await openTiny(t);
  const probe = await openTiny(t);
  const whole = await openTiny(t);
  const { session } = tiny;
  const { optimizer = 'adamw', decay = 0, clipNorm = 0, stepOffset = 0 } = run;
  const start = await take(session, 'weights');
  const anchor = run.anchor === 'start' ? start : randomValues(session, 9);
  const fisher = randomValues(session, 31, 0, 2);
  if (run.unknownFrom !== undefined) fisher.get(word)!.fill(0, 16 * run.unknownFrom);
  const penalty = run.penalty({ anchor: await slotOf(session, anchor), fisher: await slotOf(session, fisher) });
  const plan = planOf(session, {
    rates: Float64Array.of(rate),
    decay: Float64Array.of(decay),
    optimizer: { name: optimizer, beta1: 0.9, beta2: 0.999, eps: 1e-8 },
    penalties: [penalty],
    anchored: anchoredBody(session),
  });
  session.setPlan(plan);
  const batches = severalBatches(steps);
  const own = adamState(start);
  const anchors = doubles(anchor);
  const names = session
    .parameters()
    .map(({ name }) => name)
    .filter(trained);
  const offsets = run.stageOffset === undefined ? {} : { stageOffset: run.stageOffset };
  for (let s = 0; s < steps; s++) {
    const weights = await take(session, 'weights');
    await put(probe.session, weights);
    const one = { batches: [batches[s]!], stepOffset: stepOffset + s };
    const plain = await stepOf(probe, {}, one);
    const gradients = withPull(plain.gradients, names, { penalty, weights, anchor, fisher, anchored: isBody });
    const norm = normOf(gradients);
    const { gradNorms } = await train(tiny, { ...one, ...offsets, factor: 1, clipNorm });
    assertNear(`gradNorm of step ${s}`, gradNorms, [norm], { relative: 1e-6 });
    const clip = clipNorm > 0 ? Math.min(1, clipNorm / (norm + 1e-6)) : 1;
    for (const values of gradients.values()) for (let i = 0; i < values.length; i++) values[i]! *= clip;
    const rec = annealing(penalty, stepOffset + s - (run.stageOffset ?? 0) + 1);
    const after: AdamStep['after'] =
      rec && ((name) => (isBody(name) ? { ...rec, anchor: anchors.get(name)! } : undefined));
    adamStep(own, gradients, { name: optimizer, rate, decay, ...(after && { after }) });
    const now = await take(session, 'weights');
    for (const [name, values] of own.weights)
      assertNear(`${name} after step ${s}`, now.get(name)!, values, { relative: 2e-6, absolute: 2e-6 });
  }
  // In one segment it is the same run, bit for bit.
  const slots = { anchor: await slotOf(whole.session, anchor), fisher: await slotOf(whole.session, fisher) };
  whole.session.setPlan({ ...plan, penalties: [run.penalty(slots)] });
  await train(whole, { ...offsets, batches, stepOffset, factor: 1, clipNorm });
  const end = await take(session, 'weights');
  assertSame('one segment', await take(whole.session, 'weights'), end);
  assertSame('one segment', await take(whole.session, 'exp_avg_sq'), await take(session, 'exp_avg_sq'));
  const touched = await session.read({ buffer: 'touched', parameter: 0, replica: 0 });
  return { start, end, anchor, touched };
}

const l2sp: Run['penalty'] = ({ anchor }) => ({ kind: 'l2-sp', anchor, strength: 0.7, headStrength: 0.3 });
const ewc: Run['penalty'] = ({ anchor, fisher }) => ({ kind: 'ewc', anchor, fisher, strength: 1.5 });
const recadam: Run['penalty'] = ({ anchor }) => ({ kind: 'recadam', anchor, strength: 40, slope: 0.5, midpoint: 3 });
const penalties = { 'l2-sp': l2sp, ewc, recadam };

for (const [kind, penalty] of Object.entries(penalties)) {
  for (const optimizer of ['adamw', 'adam'] as const) {
    test(`${kind} with ${optimizer}, decay and clipping, from weights away from the anchor`, async (t) => {
      const { start, end, anchor } = await follows(t, {
        penalty,
        optimizer,
        decay: 0.1,
        anchor: 'elsewhere',
        clipNorm: 1,
      });
      // A word that no text has moves nearer to its anchor.
      const distance = (values: Values) =>
        values
          .get(word)!
          .subarray(400)
          .reduce((sum, w, i) => sum + Math.abs(w - anchor.get(word)![400 + i]!), 0);
      assert.ok(distance(end) < distance(start));
    });
    test(`${kind} with ${optimizer} and decay, from the anchor itself`, async (t) => {
      const { start, end, touched } = await follows(t, { penalty, optimizer, decay: 0.1, anchor: 'start' });
      assert.ok(
        end
          .get(word)!
          .subarray(400)
          .every((w, i) => w !== start.get(word)![400 + i]),
      );
      // RecAdam's pull is no gradient: beside decoupled decay it needs no moments.
      assert.equal(touched.includes(0), kind === 'recadam' && optimizer === 'adamw');
    });
  }
  test(`${kind} without decay, from the anchor itself: words that no text has stay there`, async (t) => {
    const { start, end, touched } = await follows(t, { penalty, anchor: 'start' });
    assert.deepEqual(end.get(word)!.subarray(400), start.get(word)!.subarray(400));
    assert.ok(touched.subarray(25).every((flag) => flag === 0) && touched.subarray(0, 25).some((flag) => flag === 1));
  });
  test(`${kind} without decay, from weights away from the anchor`, async (t) => {
    await follows(t, { penalty, anchor: 'elsewhere' });
  });
}

test('EWC leaves words that no text has and whose Fisher information is 0 to their decay', async (t) => {
  const unknownFrom = 40;
  for (const anchor of ['start', 'elsewhere'] as const) {
    const { touched } = await follows(t, { penalty: ewc, decay: 0.1, clipNorm: 1, anchor, unknownFrom });
    assert.ok(touched.subarray(0, unknownFrom).every((flag) => flag === 1));
    assert.ok(touched.subarray(unknownFrom).every((flag) => flag === 0));
  }
});

test('RecAdam counts its steps from stageOffset', async (t) => {
  const offsets = { stepOffset: 102, stageOffset: 100 };
  const shifted = await follows(t, { penalty: recadam, anchor: 'elsewhere', ...offsets });
  const fresh = await follows(t, { penalty: recadam, anchor: 'elsewhere', stepOffset: 102, stageOffset: 102 });
  assert.notDeepEqual(shifted.end, fresh.end);
});

test('RecAdam’s pull is capped: at 1 the body is at its anchor, the head is not', async (t) => {
  const strong: Run['penalty'] = ({ anchor }) => ({ kind: 'recadam', anchor, strength: 1e6, slope: 1, midpoint: 8 });
  const { end, anchor } = await follows(t, { penalty: strong, anchor: 'elsewhere' });
  for (const [name, values] of end) {
    if (isBody(name)) assertNear(name, values, anchor.get(name)!, { relative: 0, absolute: 1e-7 });
  }
});
