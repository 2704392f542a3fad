/** SequenceOptions from the command line. */
import { decides } from './training/decides.ts';
import { LrdistError } from '../errors.ts';
import {
  encodeText,
  maskingOf,
  type MeasureOptions,
  parseMeasures,
  readParagraphs,
} from '../forgetting/measure/index.ts';
import { parsePenalties, type StagedPenalty } from '../forgetting/penalties.ts';
import type { SequenceOptions } from '../forgetting/sequence-options.ts';
import { planSequence } from '../forgetting/sequence-plan.ts';
import { byEmbedding } from '../forgetting/shifts/by-embedding.ts';
import { byLength } from '../forgetting/shifts/by-length.ts';
import { openTaskTokenizer } from '../train/load-task.ts';
import type { Task } from '../train/task.ts';
import type { CommandContext } from './run.ts';
import { sequenceOptions } from './sequence-options.ts';
import { shiftUnfreezing } from './shift-unfreezing.ts';
import type { SharedOptions } from './shift-arguments.ts';
import { cachingOf, optional, optionNumber, optionText } from './training/inputs.ts';
import type { RawArguments } from './training/options.ts';

/** Whether the command asks for more than a shift of two tasks. */
export function isSequence(args: RawArguments): boolean {
  const tasks = optionText(args, 'tasks')?.split(',').length ?? 0;
  return tasks > 2 || Object.keys(sequenceOptions).some((name) => args[name] !== undefined);
}

/** @throws LrdistError of many codes */
export async function sequenceFrom(
  args: RawArguments,
  shared: SharedOptions,
  context: CommandContext,
): Promise<SequenceOptions> {
  const { firstTraining, moments, training, ...rest } = shared;
  const penalties = parsePenalties(optionText(args, 'penalty') ?? 'none');
  const shift = optionText(args, 'shift') ?? 'task';
  const tasks = shift === 'task' ? shared.tasks : await halvesOf(shift, shared, context);
  const paper = optionText(args, 'protocol') === 'paper';
  const rows = optionNumber(args, 'penalty_rows');
  const labels = args['penalty_labels'] as 'data' | 'model' | undefined;
  refuseUnused(args, penalties, rows ?? labels);
  const options: SequenceOptions = {
    ...rest,
    tasks,
    penalties,
    ...optional('training', paper ? given(training, args) : training),
    ...(firstTraining === undefined ? {} : { stages: [firstTraining] }),
    ...optional('moments', moments),
    ...(paper ? { protocol: 'paper' as const } : {}),
    ...(shift !== 'task' || args['same_head'] === true ? { heads: 'same' as const } : {}),
    ...optional('orders', ordersOf(optionText(args, 'orders'))),
    ...optional('zeroShot', args['zero_shot'] as boolean | undefined),
    ...optional('reference', args['reference'] as boolean | undefined),
    ...((rows ?? labels) === undefined ? {} : { fisher: { ...optional('rows', rows), ...optional('labels', labels) } }),
    ...(await textOptions(args, shared, penalties, context)),
  };
  return { ...options, ...shiftUnfreezing(args, planSequence(options)) };
}

async function halvesOf(shift: string, shared: SharedOptions, { signal }: CommandContext): Promise<readonly Task[]> {
  const task = shared.tasks[0]!;
  if (shift === 'length') return byLength(task);
  const { device, threads, matmul, precision } = shared.session ?? {};
  return byEmbedding(task, {
    model: shared.model,
    seed: shared.seeds![0]!,
    signal,
    ...optional('device', device),
    ...optional('threads', threads),
    ...optional('matmul', matmul),
    ...optional('precision', precision),
  });
}

/** The training options that the command line names: where it is silent, the published habits hold. */
function given(training: SharedOptions['training'], args: RawArguments): SharedOptions['training'] {
  return Object.fromEntries(
    Object.entries(training ?? {}).filter(([key]) => decides[key]?.some((name) => args[name] !== undefined) === true),
  );
}

function ordersOf(text: string | undefined): SequenceOptions['orders'] {
  if (text === undefined || text === 'given' || text === 'all') return text;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new LrdistError(
    'ERR_INVALID_OPTION',
    `--orders: expected given, all or a number of orders, received "${text}"`,
  );
}

function refuseUnused(
  args: RawArguments,
  penalties: readonly StagedPenalty[],
  fisher: number | string | undefined,
): void {
  const kinds = penalties.flatMap(({ stages }) => stages.map(({ kind }) => kind.name));
  if (fisher !== undefined && !kinds.some((name) => /^ewc|^child-d$/.test(name)))
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      'no penalty takes Fisher information, so --penalty_rows and --penalty_labels would do nothing',
      {
        remedy: 'Leave them out, or add ewc, ewc-online, ewc-pretrained or child-d to --penalty.',
      },
    );
  if (
    optionText(args, 'text_file') !== undefined &&
    !kinds.includes('ewc-pretrained') &&
    !/masked[-_]lm|all/.test(optionText(args, 'measure') ?? '')
  )
    throw new LrdistError('ERR_INVALID_OPTION', '--text_file would do nothing', {
      remedy: 'It is for --penalty ewc-pretrained and --measure masked_lm.',
    });
}

/** Text for the masked-LM Fisher information and the masked-LM loss. */
async function textOptions(
  args: RawArguments,
  shared: SharedOptions,
  penalties: readonly StagedPenalty[],
  { signal }: CommandContext,
): Promise<Pick<SequenceOptions, 'pretraining' | 'measure'>> {
  const path = optionText(args, 'text_file');
  const measured = parseMeasures(optionText(args, 'measure') ?? 'none', path !== undefined);
  const retrainHead = args['retrain_head'] === true;
  if (retrainHead && path === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', '--retrain_head: there is no text to train the head on', {
      remedy: 'Give --text_file.',
    });
  if (path === undefined) return optional('measure', measured);
  const tokenizer = await openTaskTokenizer(shared.firstModel ?? shared.model, undefined, cachingOf(args));
  const rows = await encodeText(await readParagraphs(path, signal), tokenizer);
  const masking = maskingOf(tokenizer);
  const measure: MeasureOptions | undefined =
    measured?.measures?.includes('masked_lm') === true
      ? { ...measured, text: { rows, masking }, retrainHead }
      : measured;
  const pretrained = penalties.some(({ stages }) => stages.some(({ kind }) => kind.name === 'ewc-pretrained'));
  return {
    ...optional('measure', measure),
    ...(pretrained ? { pretraining: { dataset: rows, masking, retrainHead } } : {}),
  };
}
