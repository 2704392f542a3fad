/**
 * Fine-tunes a BERT on MRPC with a rate for each part of the network.
 *
 *   node examples/train-mrpc.ts MODEL_FOLDER GLUE_FOLDER OUTPUT_FOLDER [EPOCHS]
 */
import { loadRates, loadTask, openModel } from '../lib/index.ts';

const [path, dataDir, output, epochs = '3'] = process.argv.slice(2);
if (path === undefined || dataDir === undefined || output === undefined) throw new Error('expected three folders');

const task = await loadTask({ task: 'mrpc', dataDir, model: path });
await using model = await openModel({ path, tasks: [task], seed: 1 });
// Heads at ten times the rate of the body, mapped to this model's layers.
const rates = await loadRates('fast-head@3e-5', { layers: model.config.num_hidden_layers });
await using run = model.train({
  task,
  rates,
  epochs: Number(epochs),
  batchSize: 32,
  schedule: { warmup_ratio: 0.1 },
  evaluate: [{ task }],
});
for await (const event of run) {
  if (event.type === 'groups') console.table(event.rows);
  if (event.type === 'evaluation') console.log(`epoch ${event.epoch}`, event.scores[0]!.metrics);
}
await model.save(output);
console.log(`${output} is a Hugging Face folder.`);
