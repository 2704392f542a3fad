/**
 * Search rates for learning SST-2 without losing QNLI, and write the best distribution.
 *
 *   node examples/search-pair.ts MODEL_FOLDER GLUE_FOLDER [TRIALS] [ROWS]
 */
import { openStorage, searchPair, trialTable, writeTrialTable } from '../lib/index.ts';

const [model, dataDir, trials = '20', rows = '2000'] = process.argv.slice(2);
if (model === undefined || dataDir === undefined) throw new Error('expected: MODEL_FOLDER GLUE_FOLDER');

const storage = await openStorage('search.db');
const { study } = await searchPair({
  name: 'qnli-sst2',
  storage,
  trials: Number(trials),
  pruner: 'successive-halving',
  resume: 'auto',
  pair: {
    model,
    dataDir,
    tasks: ['qnli', 'sst2'],
    maxTrainSamples: Number(rows),
    training: { epochs: 4, batchSize: 32 },
  },
  onEvent(event) {
    if (event.type === 'finished')
      console.error(`trial ${event.trial}: ${event.state} ${event.values?.join(', ') ?? ''}`);
  },
});
const best = await study.best();
console.log(best?.parameters, best?.values);
await writeTrialTable('trials.csv', trialTable(study.stored, await study.trials()));
await study.close();
await storage.close();
