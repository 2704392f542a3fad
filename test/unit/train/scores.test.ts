import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeMetrics } from '../../../lib/metrics/glue.ts';
import { evalMetrics, suffixOf, trainMetrics, weightsOutsideEmbeddings } from '../../../lib/train/results.ts';
import { meanLoss, scoresOf } from '../../../lib/train/scores.ts';

test('mean losses', () => {
  // ln(1 + e^-1) and ln(1 + e^2), by hand.
  const expected = (Math.log1p(Math.exp(-1)) + Math.log1p(Math.exp(2))) / 2;
  assert.ok(Math.abs(meanLoss(Float32Array.of(1, 0, 0, 2), Float32Array.of(0, 0), 2) - expected) < 1e-12);
  assert.equal(meanLoss(Float32Array.of(1, 3), Float32Array.of(0, 1), 1), 2.5);
  assert.equal(
    meanLoss(Float32Array.of(1, 3, 9), Float32Array.of(0, 1, NaN), 1),
    2.5,
    'rows without a label do not count',
  );
  assert.equal(meanLoss(Float32Array.of(1000, -1000), Float32Array.of(1), 2), 2000, 'no overflow');
  // transformers' LabelSmoother and torch's cross_entropy give these.
  const logits = Float32Array.of(1.5, -0.25, 0.75, -2, 0.5, 3);
  for (const [smoothing, loss] of [
    [0.1, 1.5834320172203966],
    [0.3, 1.6667654046588511],
  ] as const)
    assert.ok(Math.abs(meanLoss(logits, Float32Array.of(0, 1), 3, smoothing) - loss) < 1e-7);
});

test('scores of labelled, unlabelled and non-finite rows', () => {
  const task = {
    mainMetric: 'accuracy',
    score: (p: Float32Array, l: Float32Array) => computeMetrics(['accuracy'], p, l),
  };
  const logits = Float32Array.of(1, 0, 0, 1);
  const good = scoresOf(task, logits, Float32Array.of(0, 0), 2, { logits: true });
  assert.deepEqual(
    [good.main, good.metrics, [...good.predictions], good.logits],
    [0.5, { accuracy: 0.5 }, [0, 1], logits],
  );
  const blind = scoresOf(task, logits, Float32Array.of(NaN, NaN), 2);
  assert.deepEqual([blind.main, blind.loss, blind.metrics, 'logits' in blind], [NaN, NaN, {}, false]);
  const lost = scoresOf(task, Float32Array.of(NaN, NaN, 0, 1), Float32Array.of(0, 0), 2);
  assert.deepEqual([lost.main, lost.loss, lost.metrics], [NaN, NaN, { accuracy: NaN }]);
});

test("run_glue's names", () => {
  const scores = {
    loss: 0.5,
    metrics: { accuracy: 0.9, f1: 0.8, combined_score: 0.85 },
    main: 0.9,
    predictions: new Float32Array(),
  };
  assert.deepEqual(evalMetrics(scores, { samples: 100, batches: 13, seconds: 2, epoch: 3 }), {
    epoch: 3,
    eval_loss: 0.5,
    eval_accuracy: 0.9,
    eval_f1: 0.8,
    eval_combined_score: 0.85,
    eval_runtime: 2,
    eval_samples: 100,
    eval_samples_per_second: 50,
    eval_steps_per_second: 6.5,
  });
  assert.ok(
    'eval_accuracy_mm' in
      evalMetrics(scores, { samples: 1, batches: 1, seconds: 1, suffix: suffixOf('validation_mismatched') }),
  );
  assert.equal(suffixOf('validation_matched'), '');
  const run = {
    steps: 2,
    epochs: 1,
    losses: [Float32Array.of(1, 0.5)],
    gradNorms: [],
    nonFinite: [-1],
    tokens: 100,
    rows: 16,
    seconds: 4,
    stopped: false,
  };
  assert.deepEqual(trainMetrics(run, 0, { samples: 16, parameters: 10 }), {
    epoch: 1,
    train_loss: 0.75,
    train_runtime: 4,
    train_samples: 16,
    train_samples_per_second: 4,
    train_steps_per_second: 0.5,
    train_tokens_per_second: 25,
    total_flos: 6000,
  });
  assert.equal(
    weightsOutsideEmbeddings([
      { name: 'bert.embeddings.word_embeddings.weight', shape: [9, 9] },
      { name: 'bert.embeddings.LayerNorm.weight', shape: [9] },
      { name: 'x', shape: [2, 3] },
    ]),
    15,
  );
});
