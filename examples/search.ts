/**
 * A search of any function with ask and tell, kept in a file: stop it and start it again, or start it several times at once.
 *
 *   node examples/search.ts [STUDY.db] [TRIALS]
 */
import { openStudy } from '../lib/index.ts';

const [storage = 'example.db', trials = '40'] = process.argv.slice(2);

await using study = await openStudy({
  name: 'example',
  storage,
  resume: 'auto',
  directions: 'minimize',
  space: {
    rate: { kind: 'float', low: 1e-6, high: 1e-2, log: true },
    layers: { kind: 'int', low: 1, high: 12 },
    shape: { kind: 'categorical', choices: ['flat', 'fast-head'] },
  },
  sampler: 'tpe',
  pruner: 'asha',
  maxStep: 9,
  seed: 1,
});

/** Any program could be called here, on any machine; parameters are typed by the space. */
function loss({ rate, layers, shape }: { rate: number; layers: number; shape: 'flat' | 'fast-head' }, step: number) {
  const distance = (Math.log10(rate) + 4) ** 2 + (layers - 8) ** 2 / 20 + (shape === 'flat' ? 0.3 : 0);
  return distance + 1 / step;
}

while ((await study.trials()).length < Number(trials)) {
  const trial = await study.ask();
  let goesOn = true;
  for (let step = 1; step < 9 && goesOn; step++) goesOn = await study.report(trial, step, loss(trial.parameters, step));
  await study.tell(trial, goesOn ? loss(trial.parameters, 9) : { state: 'pruned' });
}
const best = await study.best();
const states = Map.groupBy(await study.trials(), ({ state }) => state);
for (const [state, list] of states) console.log(state, list.length);
console.log('best', best?.number, best?.values, best?.parameters);
