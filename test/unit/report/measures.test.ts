import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConflictPoint, MeasuresRecord, StageMeasures } from '../../../lib/report/measures-record.ts';
import { measuredRuns, measuresTable, overheadText } from '../../../lib/report/measures.ts';

const settings: StageMeasures['settings'] = {
  measures: ['drift', 'conflict', 'similarity', 'probe', 'masked_lm'],
  tasks: ['qnli', 'sst2'],
  seed: 1,
  split: 'validation',
  rows: { conflict: 64, scored: 256, probe: 384, masked_lm: 32 },
  masked_tokens: 600,
};

function point(body: number): ConflictPoint {
  return { body, layers: { embeddings: body, 'classifier.qnli': null }, kinds: {}, norms: [1, 2] };
}

function record(drift: number, probeAfter: number | null): MeasuresRecord {
  return {
    drift: { body: drift, layers: { embeddings: drift / 2, layer_0: 2 * drift }, kinds: {}, parameters: {} },
    conflict: { before: point(0.25), after: point(-0.5) },
    similarity: { layers: { layer_0: 1, layer_1: 0.75 } },
    probe: {
      metric: 'accuracy',
      before: { probe: 0.8, head: 0.79, strength: 1 },
      after: { probe: probeAfter, head: 0.6, strength: 0.1 },
    },
    masked_lm: { before: 4, after: 5.25 },
  };
}

function stage(replicas: MeasuresRecord[]): StageMeasures {
  return { settings, seconds: { drift: 1 }, total_seconds: 1.5, replicas };
}

test('one table for each measure, means over seeds', () => {
  const seeds = [stage([record(0.01, 0.7), record(0.1, null)]), stage([record(0.03, 0.74), record(0.1, null)])];
  const text = measuresTable(measuredRuns(['flat@1e-4', 'slow'], seeds), settings);
  const row = (title: RegExp, name: string): string[] => {
    const lines = text.slice(text.search(title)).split('\n\n')[0]!.split('\n');
    return lines
      .find((line) => line.startsWith(name))!
      .split(/ {2,}/)
      .slice(1);
  };
  assert.deepEqual(row(/Relative weight drift/, 'distribution'), ['body', 'embeddings', 'layer_0']);
  assert.deepEqual(row(/Relative weight drift/, 'flat@1e-4'), ['2.00', '1.00', '4.00']);
  assert.deepEqual(row(/Relative weight drift/, 'slow'), ['10.00', '5.00', '20.00']);
  assert.match(text, /Cosine of the gradients of qnli and sst2, before \(64 train rows each/);
  assert.deepEqual(row(/Cosine .* before/, 'distribution'), ['body', 'embeddings']);
  assert.deepEqual(row(/Cosine .* after/, 'slow'), ['-0.500', '-0.500']);
  assert.match(text, /\(256 validation rows of qnli/);
  assert.deepEqual(row(/Linear CKA/, 'slow'), ['1.000', '0.750']);
  assert.deepEqual(row(/qnli, accuracy in points on 256 validation rows/, 'flat@1e-4'), [
    '79.0',
    '60.0',
    '80.0',
    '72.0',
    '8.0',
    '12.0',
  ]);
  assert.deepEqual(row(/qnli, accuracy/, 'slow').slice(3), ['-', '-', '-'], 'what is not finite has no mean');
  assert.deepEqual(row(/Masked-LM loss on held text, in nats \(600 tokens\)/, 'slow'), ['4.000', '5.250', '1.250']);
});

test('a measure that was not taken has no table', () => {
  const text = measuresTable([{ name: 'flat', records: [{ similarity: { layers: { layer_0: 0.5 } } }] }], settings);
  assert.doesNotMatch(text, /drift|Cosine|probe|Masked/);
  assert.match(text, /flat +0\.500/);
});

test('the overhead is told as a share of the run', () => {
  assert.equal(overheadText([stage([]), stage([])], 60), 'Measuring took 3.0 s of 60.0 s (5.0 %).');
});
