/**
 * Where the processor time of a training step goes, in several checkouts of the sources (before and after a change), by Linux's perf.
 *
 *   LRDIST_DATA=… node bench/experiments/step-profile.ts NAME=FOLDER [NAME=FOLDER …]    # writes bench/results/step-profile-*.json
 *
 * Each folder has its native addon built; FOLDER+bf16 adds an option. Samples of the compute thread in 40 steps of MiniLM on MRPC rows, one thread,
 * the same steps in each; with the time of a step, so that shares can be turned into milliseconds.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { data } from '../lib/case.ts';
import { saveResult } from '../lib/results.ts';

const steps = 40;
const rounds = 2;

/** The first that fits; products are oneDNN's generated code and what calls it. */
const parts: readonly (readonly [string, RegExp])[] = [
  ['attention', /attention|for_each_task|product_tile|::tile<|::multiply|prepare|Scratch|exponentials|softmax|Task</],
  ['norms, dropout and residuals', /norm|backward_row|fill_keep|dropout_rows|embed/],
  ['GELU', /gelu/],
  ['Adam', /adam|optimizer_step/],
  ['gradient norm and pulls', /pull_range|parallel_sum|sum_over/],
  ['bias sums', /column_sums/],
  ['bf16 conversion', /convert/],
  ['other loops', /lrdist::/],
  ['matrix products', /^0x|dnnl|ideep|mkl_|brgemm|jit/],
];

function run(program: string, ...parameters: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, parameters, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${program} ${parameters.join(' ')}\n${stderr}`);
  return stdout;
}

const folder = data();
const scratch = mkdtempSync(join(tmpdir(), 'lrdist-profile-'));
const train = (sources: string, options: readonly string[]): string[] => [
  join(sources, 'lib', 'cli', 'cli.ts'),
  ...['train', '--model', join(folder, 'models', 'minilm-l6-h384-uncased'), '--task', 'mrpc'],
  ...['--data_dir', join(folder, 'glue'), '--seed', '1', '--max_steps', String(steps), '--threads', '1'],
  ...['--per_device_train_batch_size', '32', '--save_strategy', 'no', '--no-do_eval', '--overwrite_output_dir'],
  ...['--output_dir', join(scratch, 'model'), '--json', ...options],
];

interface Profile {
  readonly name: string;
  readonly secondsPerStep: number;
  readonly shares: Record<string, number>;
}

function profile(name: string, sources: string, options: readonly string[]): Profile {
  const file = join(scratch, 'perf.data');
  const output = run('perf', 'record', '-o', file, '-F', '500', '-g', process.execPath, ...train(sources, options));
  const { train_runtime: seconds } = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)) as {
    train_runtime: number;
  };
  const report = run(
    'perf',
    'report',
    '-i',
    file,
    '--no-children',
    '-g',
    'none',
    '--comms',
    'lrdist-compute',
    '--sort',
    'symbol',
  );
  const shares: Record<string, number> = {};
  for (const line of report.split('\n')) {
    const [, percent, kernel, symbol] = /^\s*([\d.]+)%\s+\[(.)\]\s+(.*?)\s*(-\s+-)?\s*$/.exec(line) ?? [];
    if (percent === undefined) continue;
    const part =
      kernel === 'k'
        ? 'system'
        : (parts.find(([, pattern]) => pattern.test(symbol!))?.[0] ?? 'libraries (memory, threads)');
    shares[part] = (shares[part] ?? 0) + Number(percent);
  }
  const total = Object.values(shares).reduce((sum, value) => sum + value, 0);
  for (const part of Object.keys(shares)) shares[part] = Number(((100 * shares[part]!) / total).toFixed(1));
  return { name, secondsPerStep: seconds / steps, shares };
}

const sides = process.argv.slice(2).map((argument) => {
  const [name, rest = ''] = argument.split('=', 2) as [string, string?];
  const [sources, ...options] = rest.split('+');
  return { name, sources: sources!, options: options.map((option) => `--${option}`) };
});
if (sides.length === 0 || sides.some(({ sources }) => sources === '')) {
  console.error('expected: node bench/experiments/step-profile.ts NAME=FOLDER[+OPTION] …');
  process.exitCode = 2;
} else {
  const profiles: Profile[] = [];
  try {
    for (let round = 0; round < rounds; round++)
      for (const { name, sources, options } of sides) profiles.push(profile(name, sources, options));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const headline = sides
    .map(({ name }) => {
      const own = profiles.filter((one) => one.name === name).sort((a, b) => a.secondsPerStep - b.secondsPerStep);
      const { secondsPerStep, shares } = own[Math.floor(own.length / 2)]!;
      return `${name}: ${(1000 * secondsPerStep).toFixed(0)} ms a step, ${shares['matrix products']} % of it in matrix products`;
    })
    .join('; ');
  console.log(headline);
  console.log(
    saveResult('step-profile', {
      headline,
      commands: {
        all: `node bench/experiments/step-profile.ts ${sides.map(({ name, options }) => [`${name}=FOLDER`, ...options].join('+')).join(' ')}`,
      },
      seeds: [1],
      settings: { model: 'minilm-l6-h384-uncased', task: 'mrpc', batch: 32, steps, threads: 1, rounds },
      commits: Object.fromEntries(
        sides.map(({ name, sources }) => [name, run('git', '-C', sources, 'rev-parse', '--short', 'HEAD').trim()]),
      ),
      profiles,
    }),
  );
}
