import type { Argv, CommandModule } from 'yargs';
import { searchPair } from '../../pair-search/search.ts';
import { storedSpec } from '../../pair-search/stored-spec.ts';
import { agreedWidth } from '../../search/batches.ts';
import { createPruner } from '../../search/pruners/create.ts';
import { createSampler } from '../../search/samplers/create.ts';
import type { Storage, StoredStudy } from '../../search/storage/storage.ts';
import { command, type CommandContext } from '../run.ts';
import { ownDevice, requireDevices } from '../search/devices.ts';
import { pairProcesses, sharedThreads } from '../search/executor.ts';
import type { SearchArguments } from '../search/options.ts';
import { participation } from '../search/plan.ts';
import { countOf, invalid, numberOf, textOf } from '../search/reading.ts';
import { releaseOnSignal } from '../search/release.ts';
import { dataDirOf } from '../search/spec.ts';
import { openExisting, studyOf } from '../search/storage.ts';
import { SearchView } from '../search/view.ts';
import { joinOptions } from '../search/worker-options.ts';
import { countStates, countsText } from '../study/ranking.ts';
import { modelFolder, optional } from '../training/inputs.ts';
import type { RawArguments } from '../training/options.ts';

const builder = (y: Argv): Argv<SearchArguments> =>
  y
    .options(joinOptions)
    .example(
      'lrdist worker --storage postgres://me@db/search --study qnli-sst2 --trials 50 --model DIR --data-dir DIR',
      'train trials of a study that lrdist search has begun',
    ) as unknown as Argv<SearchArguments>;

async function run(args: SearchArguments, context: CommandContext): Promise<void> {
  const { output } = context;
  const trials = countOf(args, 'trials');
  if (trials === undefined && numberOf(args, 'timeout') === undefined)
    throw invalid('--trials is missing', 'Say how many trials the study is to have in the end, or give --timeout.');
  dataDirOf(args);
  const model = await modelFolder(args as RawArguments, context);
  const storage = await openExisting(args);
  try {
    const stored = await studyOf(storage, textOf(args, 'study'));
    using release = releaseOnSignal(context.signal, () =>
      output.note('Stopping (SIGUSR1): running trials are released.'),
    );
    try {
      await work(args, { ...context, signal: release.signal }, { storage, stored, model, trials });
    } catch (error) {
      if (!release.released) throw error;
    }
    const all = countStates(await storage.trials(stored.id));
    output.result(
      { study: stored.name, storage: storage.address, released: release.released, trials: all },
      `${stored.name}: ${countsText(all)}${release.released ? '; released, others go on' : ''}`,
    );
  } finally {
    await storage.close();
  }
}

interface Work {
  readonly storage: Storage;
  readonly stored: StoredStudy;
  readonly model: string;
  readonly trials: number | undefined;
}

async function work(
  args: SearchArguments,
  { output, signal }: CommandContext,
  { storage, stored, model, trials = Number.MAX_SAFE_INTEGER }: Work,
): Promise<void> {
  const { processes, devices, mode, lease, attempts, ...part } = participation(args);
  requireDevices(devices);
  const agreed = agreedWidth(await storage.trials(stored.id))?.batchSize;
  const batchSize = args['trials_per_batch'] === undefined ? (agreed ?? part.batchSize) : part.batchSize;
  const threads = countOf(args, 'threads') ?? sharedThreads(processes, devices);
  const spec = storedSpec(stored, { model, dataDir: dataDirOf(args), ...optional('threads', threads) });
  let view: SearchView | undefined;
  if (output.progress) output.note(`joins ${stored.name}: preparing tasks and first stage`);
  try {
    const { study } = await searchPair({
      name: stored.name,
      storage,
      pair: { ...spec, session: { ...spec.session, ...optional('device', ownDevice(devices)) } },
      seed: stored.seed,
      sampler: recipe(stored, 'sampler', createSampler),
      pruner: recipe(stored, 'pruner', createPruner),
      resume: 'must',
      trials,
      batchSize,
      mode,
      signal,
      known: [],
      ...optional('lease', lease),
      ...optional('attempts', attempts),
      ...(processes === 0 ? {} : { executor: (pair) => pairProcesses(pair, { processes, batchSize, devices }) }),
      onNote: output.note,
      onOpen: (_, pair) => (view = new SearchView({ storage, study: stored, pair, trials, output, signal, own: true })),
      onEvent: (event) => view?.event(event),
    });
    await study.close();
  } finally {
    await view?.[Symbol.asyncDispose]();
  }
}

/** What the study was begun with. */
function recipe<T>(
  { name, protocol }: StoredStudy,
  part: 'sampler' | 'pruner',
  create: (name: string, settings: Readonly<Record<string, string | number | boolean>>) => T,
): T {
  const made = protocol[part] as
    | { readonly name: string; readonly settings: Record<string, string | number | boolean> }
    | undefined;
  if (made === undefined) throw invalid(`the study "${name}" does not say which ${part} it was begun with`);
  // What it takes from other studies is recorded apart, and put in when the study is opened.
  const own = Object.entries(made.settings).filter(([setting]) => !setting.startsWith('transfer_'));
  return create(made.name, Object.fromEntries(own));
}

export default {
  command: 'worker',
  describe: 'train trials of a study that lrdist search has begun',
  builder,
  handler: command<SearchArguments>(run),
} satisfies CommandModule<object, SearchArguments>;
