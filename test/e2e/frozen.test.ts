import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadRates } from '../../lib/rates/parse.ts';
import { openModel } from '../../lib/train/open.ts';
import { jsonCli, runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyTask, writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const folder = await writeTinyBert(join(work, 'model'), { layers: 3 });

test('frozenDropout false keeps the states of the rows, and gives each epoch the numbers that it has without them', async () => {
  const task = tinyTask({ train: 24, validation: 8 });
  const [rates] = await loadRates('freeze-2@1e-3', { layers: 3 });
  const open = () => openModel({ path: folder, tasks: [task], threads: 1 });
  const options = { task, rates: rates!, batchSize: 8, frozenDropout: false } as const;
  await using kept = await open();
  const whole = await kept.train({ ...options, epochs: 3 }).result;
  assert.ok(kept.session.memory().prefix > 0);

  // Everything is forgotten at each pause.
  await using forgetting = await open();
  const { session } = forgetting;
  const onPause = async () => {
    const slot = await session.snapshot('weights');
    await session.restore(slot);
    session.release(slot);
    assert.equal(session.memory().prefix, 0);
  };
  const again = await forgetting.train({ ...options, epochs: 3, pauseEvery: [1], onPause }).result;
  assert.deepEqual(again.losses, whole.losses);

  await using plain = await open();
  const { losses } = await plain.train({ ...options, epochs: 3, frozenDropout: true }).result;
  assert.equal(plain.session.memory().prefix, 0);
  assert.notDeepEqual(losses, whole.losses);
});

test('--no-frozen_dropout decides the run: recorded on the card, and another run for a checkpoint', async () => {
  const data = await writeTinyGlue(join(work, 'glue'), { train: 64, validation: 8 });
  const job = (output: string, ...more: string[]): string[] => [
    ...['train', '--model', folder, '--task', 'sst2', '--data_dir', data, '--quiet', '--rates', 'freeze-2@1e-3'],
    ...['--num_train_epochs', '2', '--save_steps', '5', '--output_dir', join(work, output), ...more],
  ];
  const off = (await jsonCli(job('off', '--no-frozen_dropout'))) as { train_loss: number };
  const on = (await jsonCli(job('on'))) as { train_loss: number };
  assert.notEqual(off.train_loss, on.train_loss);
  const checkpoint = ['--resume_from_checkpoint', join(work, 'off', 'checkpoint-10')];
  const other = await runCli([...job('other'), ...checkpoint]);
  assert.match(other.stderr, /frozen_dropout: off in the checkpoint, absent now[\s\S]*ERR_PROTOCOL_MISMATCH/);
  const same = await runCli([...job('same', '--no-frozen_dropout'), ...checkpoint]);
  assert.equal(same.code, 0, same.stderr);
});
