import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isLrdistError } from '../../../lib/errors.ts';
import { parseConfig } from '../../../lib/train/config.ts';
import { parameterName, planLoad, readModelFolder, type WantedHead } from '../../../lib/train/hf.ts';
import { makeHeader } from '../../../lib/train/safetensors.ts';
import { temporaryFolder } from '../../helpers/temporary.ts';
import {
  safetensorsBytes,
  tinyConfig,
  tinyWeights,
  writeTinyBert,
  type TinyBertOptions,
} from '../../helpers/tiny-bert.ts';

const head = (name: string, labels: readonly string[] | null): WantedHead => ({
  name,
  kind: 'classification',
  labels,
  outputs: labels?.length ?? 1,
});
const two = head('sst2', ['negative', 'positive']);
const folderOf = async (options: TinyBertOptions = {}): Promise<string> => writeTinyBert(temporaryFolder(), options);

test('stored names', () => {
  const names: [string, string | undefined][] = [
    ['embeddings.word_embeddings.weight', 'bert.embeddings.word_embeddings.weight'],
    ['bert.embeddings.LayerNorm.gamma', 'bert.embeddings.LayerNorm.weight'],
    ['encoder.layer.0.output.LayerNorm.beta', 'bert.encoder.layer.0.output.LayerNorm.bias'],
    ['pooler.dense.bias', 'bert.pooler.dense.bias'],
    ['cls.predictions.transform.LayerNorm.gamma', 'cls.predictions.transform.LayerNorm.weight'],
    ['cls.predictions.decoder.bias', 'cls.predictions.bias'],
    ['cls.predictions.decoder.weight', 'ignore'],
    ['cls.seq_relationship.weight', 'ignore'],
    ['embeddings.position_ids', 'ignore'],
    ['classifier.weight', 'classifier.weight'],
    ['classifier.sst2.weight', undefined],
    ['roberta.encoder.layer.0.output.dense.weight', undefined],
  ];
  for (const [stored, wanted] of names) assert.equal(parameterName(stored), wanted, stored);
});

test('prefix, old names and sharding lead to the same parameters', async () => {
  const whole = await readModelFolder(await folderOf());
  const bare = await readModelFolder(
    await folderOf({
      rename: (name) =>
        name
          .replace(/^bert\./, '')
          .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
          .replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
    }),
  );
  const sharded = temporaryFolder();
  await writeFile(join(sharded, 'config.json'), JSON.stringify(tinyConfig()));
  const isFirst = (name: string): boolean => name.includes('embeddings');
  await writeFile(
    join(sharded, 'model-1.safetensors'),
    tinyWeights({ rename: (name) => (isFirst(name) ? name : undefined) }),
  );
  await writeFile(
    join(sharded, 'model-2.safetensors'),
    tinyWeights({ rename: (name) => (isFirst(name) ? undefined : name) }),
  );
  const map = Object.fromEntries(
    [...whole.tensors.keys()].map((name) => [name, isFirst(name) ? 'model-1.safetensors' : 'model-2.safetensors']),
  );
  await writeFile(join(sharded, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  const names = [...whole.tensors.keys()].sort();
  assert.deepEqual([...bare.tensors.keys()].sort(), names);
  assert.deepEqual([...(await readModelFolder(sharded)).tensors.keys()].sort(), names);

  await writeFile(
    join(sharded, 'model.safetensors.index.json'),
    JSON.stringify({ weight_map: { ...map, 'bert.more': 'model-2.safetensors' } }),
  );
  await assert.rejects(readModelFolder(sharded), { code: 'ERR_SAFETENSORS', message: /"bert\.more" is in model-2/ });
  await writeFile(
    join(sharded, 'model.safetensors.index.json'),
    JSON.stringify({ weight_map: { x: '../model.safetensors' } }),
  );
  await assert.rejects(readModelFolder(sharded), { code: 'ERR_SAFETENSORS', message: /not a plain file name/ });
  await writeFile(
    join(sharded, 'model.safetensors.index.json'),
    JSON.stringify({ weight_map: { x: 'gone.safetensors' } }),
  );
  await assert.rejects(readModelFolder(sharded), { code: 'ERR_SAFETENSORS', message: /not there/ });
});

test('a bare encoder gets a fresh head, and a pooler if it has none', async () => {
  const plan = planLoad(await readModelFolder(await folderOf()), [two], 'pooler');
  assert.deepEqual(plan.report.fresh, ['classifier.sst2.weight', 'classifier.sst2.bias']);
  const bare = planLoad(await readModelFolder(await folderOf({ pooler: false })), [two], 'pooler');
  assert.deepEqual(bare.report.fresh, [
    'bert.pooler.dense.weight',
    'bert.pooler.dense.bias',
    'classifier.sst2.weight',
    'classifier.sst2.bias',
  ]);
  assert.ok(bare.pooler && bare.report.notes.some((note) => note.includes('no pooler')));
  const cls = planLoad(await readModelFolder(await folderOf({ pooler: false })), [two], 'cls');
  assert.ok(!cls.pooler && cls.report.fresh.length === 2);
});

test("a fine-tuned folder's classifier goes to its head, rows by label name", async () => {
  const labelled = (labels: readonly string[], more: object = {}): TinyBertOptions => ({
    outputs: labels.length,
    config: { id2label: Object.fromEntries(labels.map((label, i) => [i, label])), ...more },
  });
  const load = async (options: TinyBertOptions, heads: WantedHead[]) =>
    planLoad(await readModelFolder(await folderOf(options)), heads, 'pooler').report;

  const same = await load(labelled(['NEGATIVE', 'POSITIVE']), [two]);
  assert.deepEqual([same.savedHead, same.labelOrder, same.fresh], ['sst2', undefined, []]);
  const turned = await load(labelled(['positive', 'Negative']), [two]);
  assert.deepEqual([turned.savedHead, turned.labelOrder], ['sst2', [1, 0]]);
  const generic = await load(labelled(['LABEL_0', 'LABEL_1']), [two]);
  assert.deepEqual([generic.savedHead, generic.labelOrder, generic.notes], ['sst2', undefined, []]);
  const other = await load(labelled(['yes', 'no']), [two]);
  assert.equal(other.labelOrder, undefined);
  assert.match(other.notes[0]!, /not those of task sst2/);
  const larger = await load(labelled(['a', 'b', 'c']), [two]);
  assert.equal(larger.savedHead, undefined);
  assert.match(larger.notes[0]!, /3 outputs/);
  const both = [two, head('mrpc', ['not_equivalent', 'equivalent'])];
  assert.equal(
    (await load(labelled(['not_equivalent', 'equivalent'], { finetuning_task: 'mrpc' }), both)).savedHead,
    'mrpc',
  );
  assert.match((await load(labelled(['not_equivalent', 'equivalent']), both)).notes[0]!, /does not say of which task/);
  await assert.rejects(
    load(labelled(['negative', 'positive'], { problem_type: 'multi_label_classification' }), [two]),
    { code: 'ERR_MODEL_UNSUPPORTED' },
  );
});

test('missing and misshapen tensors', async () => {
  const without = await readModelFolder(
    await folderOf({ rename: (name) => (name.includes('layer.1.') && name.includes('key') ? undefined : name) }),
  );
  assert.throws(
    () => planLoad(without, [two], 'pooler'),
    (error) =>
      isLrdistError(error) &&
      error.code === 'ERR_TENSOR_MISSING' &&
      /lacks 2 tensors.*layer\.1\.attention\.self\.key\.weight, .*key\.bias/.test(error.message),
  );
  const misshapen = await readModelFolder(
    await folderOf({
      reshape: (name, shape) => (name.endsWith('word_embeddings.weight') ? [shape[0]! - 1, shape[1]!] : shape),
    }),
  );
  assert.throws(() => planLoad(misshapen, [two], 'pooler'), {
    code: 'ERR_TENSOR_SHAPE',
    message: /\[19, 16\] where config\.json needs \[20, 16\]/,
  });
  const twice = await folderOf({
    rename: (name) => name.replace(/^bert\.embeddings\.LayerNorm\.bias$/, 'embeddings.LayerNorm.weight'),
  });
  await assert.rejects(readModelFolder(twice), { code: 'ERR_SAFETENSORS', message: /the same parameter/ });
});

test('a tied language-model head, whole or not at all', async () => {
  const mlm: WantedHead = { name: 'mlm', kind: 'masked-lm', labels: null, outputs: 0 };
  const whole = planLoad(await readModelFolder(await folderOf({ maskedLm: true })), [mlm], 'pooler');
  assert.deepEqual(whole.report.fresh, []);
  const fresh = planLoad(await readModelFolder(await folderOf()), [mlm], 'pooler');
  assert.equal(fresh.report.fresh.length, 5);
  const part = await readModelFolder(
    await folderOf({ maskedLm: true, rename: (name) => (name === 'cls.predictions.bias' ? undefined : name) }),
  );
  assert.throws(() => planLoad(part, [mlm], 'pooler'), {
    code: 'ERR_TENSOR_MISSING',
    message: /cls\.predictions\.bias/,
  });
});

test('folders without usable weights', async () => {
  const folder = temporaryFolder();
  await assert.rejects(readModelFolder(join(folder, 'none')), { code: 'ERR_MODEL_NOT_FOUND', message: /not a folder/ });
  await assert.rejects(readModelFolder(folder), { code: 'ERR_MODEL_NOT_FOUND', message: /no config\.json/ });
  await writeFile(join(folder, 'config.json'), JSON.stringify(tinyConfig()));
  await assert.rejects(readModelFolder(folder), { code: 'ERR_MODEL_NOT_FOUND', message: /no model\.safetensors/ });
  await writeFile(join(folder, 'pytorch_model.bin'), 'x');
  await assert.rejects(
    readModelFolder(folder),
    (error) => isLrdistError(error) && error.code === 'ERR_MODEL_UNSUPPORTED' && /save_pretrained/.test(error.remedy!),
  );
  await writeFile(join(folder, 'config.json'), '{');
  await assert.rejects(readModelFolder(folder), { code: 'ERR_MODEL_UNSUPPORTED', message: /not JSON/ });
  const half = temporaryFolder();
  await mkdir(half, { recursive: true });
  await writeFile(join(half, 'config.json'), JSON.stringify(tinyConfig()));
  await writeFile(
    join(half, 'model.safetensors'),
    safetensorsBytes(makeHeader([{ name: 'x', dtype: 'F32', shape: [2] }], {}), new Uint8Array(4)),
  );
  await assert.rejects(readModelFolder(half), { code: 'ERR_SAFETENSORS' });
});

test('configurations of other models are refused by name', () => {
  const refused = (change: object, message: RegExp): void => {
    assert.throws(
      () => parseConfig({ ...tinyConfig(), ...change }),
      (error) =>
        isLrdistError(error) &&
        error.code === 'ERR_MODEL_UNSUPPORTED' &&
        message.test(error.message) &&
        /BertForSequenceClassification/.test(error.remedy!),
    );
  };
  refused({ model_type: 'roberta' }, /"roberta"/);
  refused({ architectures: ['BertForTokenClassification'] }, /BertForTokenClassification/);
  refused({ hidden_act: 'relu' }, /hidden_act "relu"/);
  refused({ hidden_act: 'gelu_new' }, /hidden_act/);
  refused({ position_embedding_type: 'relative_key' }, /relative_key/);
  refused({ is_decoder: true }, /decoders/);
  refused({ quantization_config: { bits: 8 } }, /quantized/);
  refused({ num_attention_heads: 3 }, /not a multiple/);
  refused({ hidden_size: 0 }, /hidden_size/);
  refused({ hidden_dropout_prob: 1 }, /hidden_dropout_prob/);
  assert.throws(() => parseConfig({ model_type: 'gpt2', n_embd: 3 }), { message: /"gpt2"/ });
  assert.equal(parseConfig(tinyConfig()).num_hidden_layers, 2);
});
