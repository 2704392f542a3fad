/**
 * Learns QNLI, then SST-2, under two rate distributions side by side, and says what is left of QNLI.
 *
 *   node examples/shift.ts MODEL_FOLDER GLUE_FOLDER [ROWS] [SEEDS]
 */
import { loadRates, loadTask, taskShift } from '../lib/index.ts';

const [model, dataDir, rows = '6000', seeds = '3'] = process.argv.slice(2);
if (model === undefined || dataDir === undefined) throw new Error('expected two folders');

const load = (task: string): ReturnType<typeof loadTask> =>
  loadTask({ task, dataDir, model, maxTrainSamples: Number(rows) });
const record = await taskShift({
  model,
  tasks: [await load('qnli'), await load('sst2')],
  // Differences are taken to the first: put the tuned flat rate there.
  distributions: await loadRates('flat@2e-4,fast-head@1e-4', { layers: 12 }),
  seeds: Array.from({ length: Number(seeds) }, (_, i) => i + 1),
  training: { epochs: 2, batchSize: 32 },
  onEvent: (event) => {
    if (event.type === 'scores')
      console.log(`seed ${event.seed}, stage ${event.stage}, ${event.task}:`, ...event.scores);
  },
});
for (const { distribution, scores, difference } of record.summary) {
  console.log(distribution, 'kept', scores.p_o.mean, 'learned', scores.p_s.mean);
  if (difference !== undefined) console.log('  objective, against the first:', difference.objective);
}
for (const note of record.notes) console.log(note);
