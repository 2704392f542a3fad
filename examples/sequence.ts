/**
 * Learns three tasks in a row, plainly and with two penalties, under two rate distributions, and says what is left of each task.
 *
 *   node examples/sequence.ts MODEL_FOLDER GLUE_FOLDER [ROWS] [SEEDS]
 */
import { loadRates, loadTask, taskSequence } from '../lib/index.ts';

const [model, dataDir, rows = '4000', seeds = '3'] = process.argv.slice(2);
if (model === undefined || dataDir === undefined) throw new Error('expected two folders');

const load = (task: string): ReturnType<typeof loadTask> =>
  loadTask({ task, dataDir, model, maxTrainSamples: Number(rows) });
const tasks = [await load('qnli'), await load('sst2'), await load('mnli')];
const sequence = taskSequence({
  model,
  tasks,
  // Made for 12 layers, and mapped to the model's.
  distributions: await loadRates('flat@2e-4,fast-head@1e-4', { layers: 12 }),
  penalties: ['none', 'ewc@1000', 'replay@0.05'],
  seeds: Array.from({ length: Number(seeds) }, (_, i) => i + 1),
  training: { epochs: 2, batchSize: 32 },
});
for await (const event of sequence)
  if (event.type === 'scores')
    console.log(`seed ${event.seed}, ${event.pass}, after ${event.task}: ${event.scored}`, ...event.scores);
const { summary, notes } = await sequence.result;
for (const { combination, scores } of summary)
  console.log(combination, 'ACC', scores.ACC?.mean, 'BWT', scores.BWT?.mean, 'forgetting', scores.forgetting?.mean);
for (const note of notes) console.log(note);
