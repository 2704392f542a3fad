// One worker of a search; ends when the study is finished, unless it is killed.
import { appendFileSync } from 'node:fs';
import { childProcessExecutor } from '../../../lib/search/executors/child-process.ts';
import { openStudy } from '../../../lib/search/open-study.ts';
import { optimize } from '../../../lib/search/optimize.ts';
import { batchSize, lease, slots, studyOptions, type WorkerOrders } from './setting.ts';

const { storage, name, mode, trials, log } = JSON.parse(process.argv[2]!) as WorkerOrders;
await using study = await openStudy({ ...studyOptions(name), storage });
const executor = childProcessExecutor({
  module: new URL('./jobs.ts', import.meta.url),
  options: { pause: 15 },
  batchSize,
  slots,
  // Here processes are killed by hand, again and again: it is no fault of the trials.
  retries: 1000,
  grace: 1000,
});
try {
  await optimize(study, executor, {
    trials,
    mode,
    lease,
    attempts: 1000,
    onEvent: (event) => event.type === 'finished' && appendFileSync(log, `${name} ${event.trial} ${event.state}\n`),
  });
} finally {
  await executor.dispose();
}
