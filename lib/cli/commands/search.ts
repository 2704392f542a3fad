import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { beginPairSearch, type PairSearchOptions, searchPair } from '../../pair-search/search.ts';
import { LrdistError } from '../../errors.ts';
import { openStorage, parseAddress } from '../../search/storage/open.ts';
import type { Storage } from '../../search/storage/storage.ts';
import { exists, requireWritable } from '../../train/files.ts';
import { command, type CommandContext } from '../run.ts';
import { type PlannedSearch, plannedSearch } from '../search/dry-run.ts';
import { requireDevices } from '../search/devices.ts';
import { pairProcesses } from '../search/executor.ts';
import { runFinals } from '../search/finals.ts';
import { resumeCommand } from '../search/go-on.ts';
import { type SearchArguments, searchOptions } from '../search/options.ts';
import type { NamedPair } from '../search/pairs.ts';
import { firstRound, type SearchPlan, searchPlan } from '../search/plan.ts';
import { invalid, namesOf, textOf } from '../search/reading.ts';
import { type FinishedStudy, searchRecord, searchText, writeResults } from '../search/results.ts';
import { SearchView } from '../search/view.ts';
import { runSlurm } from '../search/slurm/run.ts';
import { workerCommand } from '../search/worker-command.ts';
import { optional } from '../training/inputs.ts';

const builder = (y: Argv): Argv<SearchArguments> =>
  y
    .options(searchOptions)
    .example(
      'lrdist search --model DIR --data-dir DIR --tasks qnli,sst2 --trials 50',
      'search the rates that learn sst2 and keep qnli',
    )
    .example(
      'lrdist search --model DIR --data-dir DIR --pairs "qnli,sst2;stsb,sst2" --sampler gp --pruner hyperband --output_dir DIR',
      'two pairs, with early stopping, and files for lrdist combine',
    ) as unknown as Argv<SearchArguments>;

async function run(args: SearchArguments, context: CommandContext): Promise<void> {
  const { output } = context;
  const launcher = textOf(args, 'launcher') ?? 'local';
  checkLauncher(args, launcher);
  const plan = await searchPlan(args, context);
  if (args['dry_run'] === true) return dryRun(plan, context);
  if (launcher === 'slurm' && args['print'] === true) return runSlurm(args, plan, undefined, context);
  if (launcher === 'local') requireDevices(plan.devices);
  if (plan.output !== undefined) await prepare(plan.output, args);
  const storage = await openStorage(plan.storage);
  try {
    if (args['resume'] !== true) for (const { study } of plan.pairs) await requireNew(storage, study);
    if (launcher === 'slurm') return await runSlurm(args, plan, storage, context);
    if (launcher === 'none') return await begin(plan, storage, args, context);
    const found: FinishedStudy[] = [];
    for (const pair of plan.pairs) found.push(await searchOne(pair, plan, storage, args, context));
    const records = found.map(searchRecord);
    output.result(records.length === 1 ? records[0] : { studies: records }, () => found.map(searchText).join('\n\n'));
  } finally {
    await storage.close();
  }
}

function checkLauncher(args: SearchArguments, launcher: string): void {
  for (const name of ['slurm', 'print', 'wait'])
    if (args[name] !== undefined && launcher !== 'slurm') throw invalid(`--${name} is for --launcher slurm`);
  if (args['workers'] !== undefined && launcher === 'local')
    throw invalid('--workers is for --launcher slurm and none', 'Here --processes trains in several processes.');
}

async function searchOne(
  { study: name, tasks }: NamedPair,
  plan: SearchPlan,
  storage: Storage,
  args: SearchArguments,
  context: CommandContext,
): Promise<FinishedStudy> {
  const { output, signal } = context;
  const began = Date.now();
  let view: SearchView | undefined;
  const { processes, batchSize, devices, trials } = plan;
  if (output.progress) output.note(`${name}: preparing tasks and first stage`);
  try {
    const { study, ended, pair } = await searchPair({
      ...common(plan, name, tasks, storage, args),
      trials,
      batchSize,
      mode: plan.mode,
      signal,
      ...(processes === 0 ? {} : { executor: (loaded) => pairProcesses(loaded, { processes, batchSize, devices }) }),
      onNote: output.note,
      onOpen: ({ stored }, opened) =>
        (view = new SearchView({ storage, study: stored, pair: opened, trials, output, signal })),
      onEvent: (event) => view?.event(event),
    });
    await view?.[Symbol.asyncDispose]();
    const all = await study.trials();
    const { finals } = plan;
    const final = finals && (await runFinals(pair, study.stored, all, finals, batchSize, context));
    const finished = {
      study: study.stored,
      trials: all,
      final,
      ended,
      storage: storage.address,
      seconds: (Date.now() - began) / 1000,
    };
    await study.close();
    if (plan.output !== undefined)
      for (const path of await writeResults(folderOf(plan, name, plan.output), finished)) output.note(`wrote ${path}`);
    return finished;
  } catch (error) {
    await view?.[Symbol.asyncDispose]();
    if (signal.aborted) throw stopped(error, args, storage);
    throw error;
  }
}

function common(
  { spec, strategy, seed, known, lease, attempts }: SearchPlan,
  name: string,
  tasks: NamedPair['tasks'],
  storage: Storage,
  args: SearchArguments,
): Omit<PairSearchOptions, 'trials'> {
  return {
    name,
    storage,
    seed,
    pair: { ...spec, tasks },
    sampler: strategy.sampler,
    pruner: strategy.pruner,
    transfer: namesOf(args, 'transfer'),
    resume: args['resume'] === true ? 'auto' : 'never',
    ...optional('known', known),
    ...optional('lease', lease),
    ...optional('attempts', attempts),
  };
}

/** `--launcher none`: the studies and their first points, for workers to come. */
async function begin(
  plan: SearchPlan,
  storage: Storage,
  args: SearchArguments,
  { output, signal }: CommandContext,
): Promise<void> {
  const commands: string[] = [];
  for (const { study: name, tasks } of plan.pairs) {
    const { study } = await beginPairSearch({
      ...common(plan, name, tasks, storage, args),
      ...optional('round', firstRound(plan)),
      signal,
      onNote: output.note,
    });
    await study.close();
    commands.push(workerCommand(plan, name, storage.address));
  }
  output.result({ studies: plan.pairs.map(({ study }, i) => ({ study, worker: commands[i]! })) }, () =>
    commands.join('\n'),
  );
}

async function dryRun(plan: SearchPlan, context: CommandContext): Promise<void> {
  const plans: PlannedSearch[] = [];
  for (const { study, tasks } of plan.pairs)
    plans.push(await plannedSearch(plan, { ...plan.spec, tasks }, study, context));
  const documents = plans.map(({ document }) => document);
  context.output.result(documents.length === 1 ? documents[0] : { studies: documents }, () =>
    plans.map(({ text }) => text()).join('\n\n'),
  );
}

/** Of several pairs each has a folder of its own. */
function folderOf({ pairs }: SearchPlan, name: string, folder: string): string {
  const tasks = pairs.find(({ study }) => study === name)!.tasks;
  return pairs.length === 1 ? folder : join(folder, tasks.join('-'));
}

async function prepare(folder: string, args: SearchArguments): Promise<void> {
  await requireWritable(folder);
  const file = join(folder, 'search.json');
  if (args['overwrite_output_dir'] === true || args['resume'] === true || !(await exists(file))) return;
  throw invalid(`--output_dir: ${file} is there already`, 'Choose another folder, or add --overwrite_output_dir.');
}

async function requireNew(storage: Storage, name: string): Promise<void> {
  if ((await storage.findStudy(name)) === undefined) return;
  throw new LrdistError('ERR_STUDY_EXISTS', `there is a study "${name}" in ${storage.address} already`, {
    remedy: 'Add --resume to go on with it, or give another name with --study.',
  });
}

/** What was asked to stop says how to go on. */
function stopped(error: unknown, args: SearchArguments, storage: Storage): LrdistError {
  const message = error instanceof Error ? error.message : String(error);
  const gone = parseAddress(storage.address).kind === 'memory';
  return new LrdistError('ERR_STOPPED', `${message}; finished trials are kept, running ones are released`, {
    cause: error,
    ...(gone ? {} : { remedy: `Go on with\n  ${resumeCommand(args, storage.address)}` }),
  });
}

export default {
  command: 'search',
  describe: 'search the rate distribution that learns a second task and keeps the first',
  builder,
  handler: command<SearchArguments>(run),
} satisfies CommandModule<object, SearchArguments>;
