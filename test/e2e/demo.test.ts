import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { baseModel } from '../../lib/demo/base-model.ts';
import type { DemoRecord } from '../../lib/demo/demo.ts';
import type { DemoEvent } from '../../lib/demo/events.ts';
import { loadDemoTask } from '../../lib/demo/load.ts';
import { vocabulary } from '../../lib/demo/vocabulary.ts';
import { openModel } from '../../lib/train/open.ts';
import { rowsOf } from '../../lib/train/task.ts';
import { runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

const tiny = {
  model: { hidden: 16, layers: 1, heads: 2, intermediate: 32 },
  pretraining: { passages: 200, epochs: 1, batchSize: 20, rate: 1e-3, maskProbability: 0.2 },
};

test('the base model is a Hugging Face folder, made once; other settings make another', async () => {
  const cache = temporaryFolder();
  const events: DemoEvent[] = [];
  const made = await baseModel(tiny, { cache, threads: 1, onEvent: (event) => events.push(event) });
  assert.equal(made.reused, false);
  const last = events.at(-1)!;
  assert.ok(last.type === 'pretraining' && last.step === last.of && last.loss < Math.log(vocabulary().length) + 0.5);
  const files = await readdir(made.folder);
  assert.deepEqual(files.toSorted(), ['config.json', 'model.safetensors', 'tokenizer_config.json', 'vocab.txt']);
  assert.equal(
    (await readFile(join(made.folder, 'vocab.txt'), 'utf8')).trimEnd().split('\n').length,
    vocabulary().length,
  );

  const before = await stat(join(made.folder, 'model.safetensors'));
  assert.deepEqual(await baseModel(tiny, { cache, threads: 1 }), { folder: made.folder, reused: true });
  assert.equal((await stat(join(made.folder, 'model.safetensors'))).mtimeMs, before.mtimeMs);
  const other = await baseModel({ ...tiny, pretraining: { ...tiny.pretraining, rate: 2e-3 } }, { cache, threads: 1 });
  assert.notEqual(other.folder, made.folder);

  const task = await loadDemoTask('paraphrase', made.folder, { train: 20, select: 6, validation: 8 });
  assert.deepEqual(
    Object.entries(task.splits).map(([name, split]) => [name, rowsOf(split)]),
    [
      ['train', 20],
      ['select', 6],
      ['validation', 8],
    ],
  );
  const { inputIds, typeIds, offsets } = task.splits['train']!;
  assert.ok(!inputIds.includes(vocabulary().indexOf('[UNK]')), 'every word has an id of its own');
  assert.equal(typeIds[offsets[1]! - 1], 1, 'a pair has two segments');
  await using model = await openModel({ path: made.folder, tasks: [task], threads: 1 });
  assert.ok(
    model.loaded.fresh.every((name) => /^(classifier|bert\.pooler)\./.test(name)),
    model.loaded.fresh.join(' '),
  );
});

test('a stopped pretraining leaves nothing behind', async () => {
  const cache = temporaryFolder();
  const controller = new AbortController();
  const reason = new Error('enough');
  const long = { ...tiny, pretraining: { ...tiny.pretraining, epochs: 500 } };
  const onEvent = (): void => controller.abort(reason);
  await assert.rejects(baseModel(long, { cache, threads: 1, signal: controller.signal, onEvent }), reason);
  assert.deepEqual(await readdir(cache), []);
});

test('lrdist demo --quick: from nothing to a comparison', async () => {
  const cache = temporaryFolder();
  const { code, stdout, stderr } = await runCli(['demo', '--quick', '--json', '--cache_dir', cache]);
  assert.equal(code, 0, stderr);
  const record = JSON.parse(stdout) as DemoRecord & { reading: string };
  assert.equal(record.format, 'lrdist-demo/1');
  const { comparison, choice } = record;
  assert.equal(comparison.summary.length, 3);
  assert.deepEqual(
    record.search.pairs.map(({ pair, trials }) => [pair, trials.length]),
    [
      ['topic->mood', 8],
      ['agreement->mood', 8],
    ],
  );
  assert.ok(Object.values(record.search.combined.stages[0]!).every((rate) => rate > 1e-6 && rate < 1e-2));
  assert.match(comparison.summary[2]!.distribution, /^combined@/);
  assert.match(comparison.summary[0]!.distribution, /^flat@/);
  const [flat] = comparison.summary;
  const { chance } = comparison.tasks[1];
  assert.ok(flat!.scores.p_s.mean > chance + 0.2, `the second task is learned: ${flat!.scores.p_s.mean}`);
  assert.ok(flat!.scores.before.mean > comparison.tasks[0].chance, `so is the first: ${flat!.scores.before.mean}`);
  assert.ok(
    comparison.seeds.every((seed) => !choice.seeds.includes(seed)),
    'choices use another seed',
  );
  assert.deepEqual([choice.split, comparison.split], ['select', 'validation'], 'and other rows');
  assert.match(record.reading, /^With flat@/);
  for (const part of ['1/5 pretrain', '2/5 search', '4/5 choose bases', '5/5 compare'])
    assert.ok(stderr.includes(part), part);
  assert.deepEqual(await readdir(cache), [record.base_model.split('/').at(-1)]);
});

test('lrdist demo refuses a number of seeds that is none', async () => {
  const { code, stderr } = await runCli(['demo', '--seeds', '0']);
  assert.equal(code, 2);
  assert.match(stderr, /--seeds/);
});
