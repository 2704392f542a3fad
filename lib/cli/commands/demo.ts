import type { Argv, CommandModule } from 'yargs';
import { LrdistError } from '../../errors.ts';
import { type DemoRecord, runDemo } from '../../demo/demo.ts';
import { describeTask } from '../../demo/describe.ts';
import { type DemoSettings, fullDemo, quickDemo } from '../../demo/settings.ts';
import { shiftReading } from '../../report/shift-reading.ts';
import { shiftTable } from '../../report/shift.ts';
import { demoProgress } from '../demo-progress.ts';
import { deviceOptions } from '../options.ts';
import { formatSeconds } from '../progress.ts';
import { command, type CommandContext } from '../run.ts';

interface Arguments {
  readonly quick?: boolean | undefined;
  readonly seeds?: number | undefined;
  readonly cache_dir?: string | undefined;
  readonly device?: string | undefined;
  readonly threads?: number | undefined;
}

const builder = (y: Argv): Argv<Arguments> =>
  y
    .options({
      quick: { type: 'boolean', describe: 'a smaller model and fewer rows: under a minute, and no result to rely on' },
      seeds: {
        type: 'number',
        requiresArg: true,
        defaultDescription: '5, with --quick 2',
        describe: 'seeds of the comparison',
      },
      cache_dir: {
        type: 'string',
        requiresArg: true,
        defaultDescription: 'demo in the cache folder',
        describe: 'folder for the pretrained model',
      },
      device: deviceOptions.device,
      threads: deviceOptions.threads,
    })
    .example('lrdist demo', 'the whole, a few minutes on two cores');

async function run(
  { quick, seeds, cache_dir: cache, device, threads }: Arguments,
  { output, signal }: CommandContext,
): Promise<void> {
  if (seeds !== undefined && !(Number.isInteger(seeds) && seeds >= 1 && seeds <= 1000)) {
    throw new LrdistError('ERR_INVALID_OPTION', `--seeds: expected a whole number from 1 to 1000, received ${seeds}`);
  }
  const chosen = quick === true ? quickDemo : fullDemo;
  const settings = seeds === undefined ? chosen : { ...chosen, seeds };
  if (output.progress) output.note(introduction(settings));
  const progress = demoProgress(output);
  try {
    const record = await runDemo({
      settings,
      signal,
      onEvent: progress.event,
      ...(cache === undefined ? {} : { cache }),
      ...(device === undefined ? {} : { device }),
      ...(threads === undefined ? {} : { threads }),
    });
    progress.stop();
    const reading = shiftReading(record.comparison);
    output.result({ ...record, reading }, () => resultText(record, reading));
  } finally {
    progress.stop();
  }
}

function introduction({ tasks, search }: DemoSettings): string {
  const names = [...new Set([...search.pairs.flat(), ...tasks])];
  return [
    'A small generated language, a tiny BERT pretrained on it here, and tasks of it, learned one after the other:',
    ...names.map(describeTask),
    `Which learning rates learn a task without losing the one before? ${search.trials} trials on each of ${search.pairs.map((pair) => pair.join(', then ')).join('; ')}. What they give together is tried on ${tasks.join(', then ')}, against a tuned flat rate. Every shape gets as many bases to choose from.`,
  ].join('\n');
}

function resultText({ comparison, settings, seconds }: DemoRecord, reading: string): string {
  const { rows } = settings;
  const fairness = `Bases were chosen on ${rows.select} other rows under ${settings.choosingSeeds === 1 ? 'another seed' : `${settings.choosingSeeds} other seeds`}, ${settings.shapes[0]!.bases.length} tries for each shape. It is a toy: for results on your tasks, use lrdist shift.`;
  return `${shiftTable(comparison)}\n${reading} ${fairness}\n\nDone in ${formatSeconds(seconds)}.`;
}

export default {
  command: 'demo',
  describe: 'the whole on a small generated language, with no downloads',
  builder,
  handler: command<Arguments>(run),
} satisfies CommandModule<object, Arguments>;
