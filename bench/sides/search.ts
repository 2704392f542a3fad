/** lrdist's side of the comparison with Optuna: all trials side by side in a process of its own. One JSON line. */
import { parseArgs } from 'node:util';
import { fusedTrials, small } from '../lib/fused-trials.ts';

const { values } = parseArgs({ options: { threads: { type: 'string', default: '1' } } });
const times = await fusedTrials(small.trials, { threads: Number(values.threads) }, () => performance.now() / 1000);
console.log(JSON.stringify({ trials: small.trials, trial_seconds: times.trials, once_seconds: times.once }));
