import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { modelCard } from '../../../lib/report/card.ts';
import { alignMarkdown } from '../../../lib/report/markdown.ts';

const record = {
  name: 'out',
  baseModel: 'bert-base-uncased',
  task: { name: 'stsb', dataset: { name: 'glue', config: 'stsb' }, split: 'validation' },
  metrics: {
    epoch: 3,
    eval_loss: 0.51234,
    eval_pearson: 0.88,
    eval_spearmanr: 0.87654,
    eval_combined_score: 0.878,
    eval_runtime: 2,
  },
  hyperparameters: [
    ['train_batch_size', 32],
    ['seed', 1],
  ] as const,
  history: [
    { loss: 0.9, step: 10, epoch: 0.5 },
    { eval_loss: 0.7, eval_pearson: 0.8, eval_runtime: 1, step: 20, epoch: 1 },
  ],
  distribution: {
    name: 'fast-head@1e-4',
    rows: [
      { group: 'body', rate: 1e-4, tensors: 3, elements: 1234567 },
      { group: 'he|ad', rate: 0, tensors: 1, elements: 2 },
    ],
  },
  versions: [['lrdist', '0.1.0']] as const,
};

interface Front {
  readonly library_name: string;
  readonly base_model: string;
  readonly datasets?: string[];
  readonly 'model-index': [
    { readonly results: [{ readonly dataset: Record<string, string>; readonly metrics: object[] }] },
  ];
}

test('the front matter says what the hub reads', () => {
  const [, front] = modelCard(record).split('---\n');
  const data = parse(front!) as Front;
  assert.equal(data.library_name, 'transformers');
  assert.equal(data.base_model, 'bert-base-uncased');
  assert.deepEqual(data.datasets, ['glue']);
  const result = data['model-index'][0].results[0];
  assert.deepEqual(result.dataset, {
    name: 'GLUE STSB',
    type: 'glue',
    config: 'stsb',
    args: 'stsb',
    split: 'validation',
  });
  assert.deepEqual(result.metrics, [
    { name: 'Pearson', type: 'pearsonr', value: 0.88 },
    { name: 'Spearmanr', type: 'spearmanr', value: 0.8765 },
  ]);
});

test('the body has the results, the distribution and the history', () => {
  const card = modelCard(record);
  for (const part of [
    '- Loss: 0.5123\n',
    '- Combined Score: 0.878\n',
    '- train_batch_size: 32\n',
    '| body   | 0.0001        | 3       | 1,234,567  |',
    '| he\\|ad | frozen ',
    '| 0.9000        | 1.0000 | 20   | 0.7000          | 0.8000  |',
    '- lrdist: 0.1.0',
  ]) {
    assert.ok(card.includes(part), `${part} is not in\n${card}`);
  }
  assert.ok(!card.includes('Runtime'));
  assert.ok(!modelCard({ ...record, history: [] }).includes('### Training results'));
});

test('own data has no dataset on the hub', () => {
  const [, front] = modelCard({ ...record, task: { name: 'custom', split: 'validation' } }).split('---\n');
  const data = parse(front!) as Front;
  assert.ok(!('datasets' in data));
  assert.equal(data['model-index'][0].results[0].dataset.type, 'custom');
});

test('Markdown tables are padded', () => {
  assert.equal(alignMarkdown(['a', 'long'], [['xyzw', '1']]), '| a    | long |\n|:----:|:----:|\n| xyzw | 1    |');
});
