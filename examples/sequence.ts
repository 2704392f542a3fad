/** Three tasks in a row, plain and with two penalties: node examples/sequence.ts MODEL_FOLDER GLUE_FOLDER */
import { loadRates, loadTask, taskSequence } from '../lib/index.ts';

const [model = '', dataDir = ''] = process.argv.slice(2);
const load = (task: string) => loadTask({ task, dataDir, model, maxTrainSamples: 4000 });
const tasks = [await load('qnli'), await load('sst2'), await load('mnli')];
const distributions = await loadRates('flat@2e-4,fast-head@1e-4', { layers: 12 });
const sequence = taskSequence({
  model,
  tasks,
  distributions,
  penalties: ['none', 'ewc@1000', 'replay@200'],
  seeds: [1, 2, 3],
});
for await (const event of sequence)
  if (event.type === 'scores') console.log(event.pass, event.stage, event.scored, event.scores);
for (const { combination, scores } of (await sequence.result).summary)
  console.log(combination, scores.ACC?.mean, scores.BWT?.mean);
