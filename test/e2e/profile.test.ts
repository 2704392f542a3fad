import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { flat } from '../../lib/rates/distribution.ts';
import { latestCheckpoint } from '../../lib/train/checkpoint.ts';
import { fineTune } from '../../lib/train/fine-tune.ts';
import type { Model } from '../../lib/train/model.ts';
import { openModel } from '../../lib/train/open.ts';
import { Profile } from '../../lib/train/profile.ts';
import type { ProfileReport } from '../../lib/train/profile-report.ts';
import { runCli } from '../helpers/cli.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { writeTinyBert } from '../helpers/tiny-bert.ts';
import { tinyTask, writeTinyGlue } from '../helpers/tiny-task.ts';

const work = temporaryFolder();
const folder = await writeTinyBert(join(work, 'model'));
const task = tinyTask({ train: 40, validation: 20 });
const out = (name: string): string => join(work, name);
const open = (): Promise<Model> => openModel({ path: folder, tasks: [task], threads: 1, matmul: 'mkl' });

async function weights(model: Model): Promise<Float32Array[]> {
  const values: Float32Array[] = [];
  for (const parameter of model.parameters.keys())
    values.push(await model.session.read({ buffer: 'weights', parameter, replica: 0 }));
  return values;
}

interface Trace {
  readonly traceEvents: readonly {
    readonly name: string;
    readonly ph: string;
    readonly tid: number;
    readonly ts: number;
    readonly dur: number;
    readonly args?: { readonly name?: string; readonly step?: number };
  }[];
}

async function written(at: string): Promise<{ report: ProfileReport; trace: Trace }> {
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(at, name), 'utf8'));
  return { report: (await read('profile.json')) as ProfileReport, trace: (await read('trace.json')) as Trace };
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));

test('a run with a folder writes totals and a trace; its numbers are those of a run without', async () => {
  const options = { task, rates: flat(1e-3), epochs: 2, evaluate: [{ task }] } as const;
  await using plain = await open();
  const expected = await plain.train(options).result;
  await using model = await open();
  const result = await model.train({ ...options, profile: out('run') }).result;
  assert.deepEqual(result.losses, expected.losses);
  assert.deepEqual(await weights(model), await weights(plain));

  const { report, trace } = await written(out('run'));
  assert.equal(report.format, 'lrdist-profile/1');
  assert.equal(report.steps, result.steps);
  const [train, evaluate] = report.jobs;
  assert.deepEqual([train!.job, evaluate!.job], ['train', 'evaluate']);
  for (const { job, seconds } of report.jobs)
    for (const parts of [report.phases, report.kernels]) {
      const own = parts.filter((part) => part.job === job);
      assert.ok(
        near(
          own.reduce((total, part) => total + part.seconds, 0),
          seconds,
        ),
        `the parts of ${job} add up`,
      );
      assert.ok(own.every((part) => part.seconds >= 0 && part.share >= 0 && part.share <= 1));
    }
  const flops = (parts: readonly { job: string; flops: number }[]): number =>
    parts.filter(({ job }) => job === 'train').reduce((total, part) => total + part.flops, 0);
  assert.ok(flops(report.phases) > 0);
  assert.equal(flops(report.phases), flops(report.details));
  assert.equal(flops(report.kernels), flops(report.details));
  const product = report.details.find((row) => row.kernel === 'product forward' && row.layer === 0)!;
  assert.ok(near(product.gflops_per_second!, product.flops / product.seconds / 1e9));

  const threads = trace.traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args!.name);
  assert.deepEqual(threads, ['engine', 'JavaScript']);
  const names = new Set(trace.traceEvents.map(({ name }) => name));
  for (const name of ['training', 'evaluating', 'train', 'step', 'layer forward 0', 'product forward', 'adam'])
    assert.ok(names.has(name), `the trace has no ${name}`);
  const spans = trace.traceEvents.filter(({ ph }) => ph === 'X');
  assert.ok(spans.every(({ ts, dur }) => ts >= 0 && dur >= 0));
  const steps = spans.filter(({ name }) => name === 'step').map(({ args }) => args!.step);
  assert.deepEqual(
    steps,
    Array.from({ length: result.steps }, (_, step) => step),
  );
});

test('a Profile spans what comes before and after a run, and belongs to one model', async () => {
  using profile = new Profile();
  await using model = await open();
  await model.train({ task, rates: flat(1e-3), maxSteps: 2, profile }).result;
  await model.evaluate(task);
  await model.save(out('saved'));
  await using other = await open();
  await assert.rejects(other.train({ task, rates: flat(1e-3), maxSteps: 1, profile }).result, {
    code: 'ERR_INVALID_OPTION',
    message: /another model/,
  });
  const report = await profile.write(out('whole'));
  assert.deepEqual(
    report.jobs.map(({ job, count }) => [job, count]),
    [
      ['train', 1],
      ['evaluate', 1],
    ],
  );
  const phases = report.process.map(({ phase }) => phase);
  for (const phase of ['loading the addon', 'loading the weights', 'training', 'evaluating', 'saving the model'])
    assert.ok(phases.includes(phase), `nothing says ${phase}`);
  assert.deepEqual((await readdir(out('whole'))).sort(), ['profile.json', 'trace.json']);
  assert.throws(() => model.session.takeProfile(), { message: /startProfile comes first/ });
});

test('a run that fails leaves no recording behind', async () => {
  await using model = await open();
  const controller = new AbortController();
  const run = model.train({ task, rates: flat(1e-3), profile: out('failed'), signal: controller.signal });
  controller.abort();
  await assert.rejects(run.result, { name: 'AbortError' });
  assert.throws(() => model.session.takeProfile(), { message: /startProfile comes first/ });
  await assert.rejects(readdir(out('failed')), { code: 'ENOENT' });
});

test('a resumed run is profiled from where it goes on, with the bits of an uninterrupted one', async () => {
  const args = { num_train_epochs: 4, save_strategy: 'steps', save_steps: 7, logging_strategy: 'no' } as const;
  await using whole = await open();
  const expected = await fineTune(whole, { task, rates: flat(1e-3), args, outputDir: out('uninterrupted') }).result;
  await using first = await open();
  const started = fineTune(first, { task, rates: flat(1e-3), args, outputDir: out('resumed') });
  for await (const event of started.run)
    if (event.type === 'checkpoint' && event.step === 14) {
      started.run.stop();
      break;
    }
  await started.result;
  const resume = (await latestCheckpoint(out('resumed')))!;
  const done = resume.state.step;
  assert.ok(done >= 14 && done < expected.run.steps, `stopped at ${done}`);
  await using second = await open();
  const options = { task, rates: flat(1e-3), args, outputDir: out('resumed'), resume, profile: out('resumed') };
  const result = await fineTune(second, options).result;
  assert.deepEqual(await weights(second), await weights(whole));
  assert.deepEqual(result.run.losses, expected.run.losses);
  const { report } = await written(out('resumed'));
  assert.equal(report.steps, expected.run.steps - done);
  assert.ok(report.process.some(({ phase }) => phase === 'writing a checkpoint'));
});

test('--profile prints where the time goes and writes the files; without it there are none', async () => {
  const data = await writeTinyGlue(out('glue'));
  const command = ['train', '--model', folder, '--task', 'sst2', '--data_dir', data, '--quiet', '--max_steps', '3'];
  const shown = await runCli([...command, '--output_dir', out('cli'), '--profile', '--overwrite_cache']);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stderr, /^profile of 3 steps, [\d.]+ ms each$/m);
  assert.match(shown.stderr, /^layer backward +[\d.]+ % /m);
  assert.match(shown.stderr, /^product forward +[\d.]+ % /m);
  const { report } = await written(out('cli'));
  assert.equal(report.steps, 3);
  for (const phase of ['reading the data', 'tokenising', 'evaluating'])
    assert.ok(
      report.process.some((part) => part.phase === phase),
      `nothing says ${phase}`,
    );
  const quiet = await runCli([...command, '--output_dir', out('plain')]);
  assert.doesNotMatch(quiet.stderr, /profile/);
  const files = (await readdir(out('plain'))).filter((name) => /profile|trace/.test(name));
  assert.deepEqual(files, []);
});
