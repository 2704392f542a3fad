/** The rows of a run, checked and looked up: its own, those mixed with them, those beside them. */
import { LrdistError } from '../errors.ts';
import type { NativePart } from '../native/boundary.ts';
import { lengthsOf } from './batching.ts';
import type { HeadOptions } from './model.ts';
import type { TrainOptions } from './options.ts';
import type { Mixture, ResolvedSource, RowSource, SideRows } from './sources.ts';
import { type EncodedSplit, rowsOf } from './task.ts';

export interface SourceContext {
  readonly replicas: number;
  readonly heads: readonly Required<HeadOptions>[];
  dataset(split: EncodedSplit): number;
  head(name: string): number;
}

/** @throws ERR_INVALID_OPTION, ERR_DATA_INVALID, ERR_LABEL_UNKNOWN */
export function resolveSources(
  context: SourceContext,
  options: TrainOptions,
  labelSmoothing: number,
): Mixture & {
  readonly headNames: readonly string[] /** Tokens of each row of the main list. */;
  readonly lengths: () => Int32Array;
} {
  const parts: NativePart[] = [];
  const headNames: string[] = [];
  const splits: EncodedSplit[] = [];
  const settings = { labelSmoothing, loss: options.loss, masking: options.masking };
  const resolve = (source: RowSource, where: string, own: boolean): ResolvedSource => {
    const { part, head } = partOf(
      context,
      source,
      where,
      own ? settings : { ...settings, loss: sideLoss(options.loss, source) },
    );
    parts.push(part);
    headNames.push(head);
    const split = source.dataset ?? source.task!.splits['train']!;
    splits.push(split);
    checkRows(source.rows, rowsOf(split), where);
    return { part: parts.length - 1, rows: source.rows, count: source.rows?.length ?? rowsOf(split) };
  };
  const { task, head, dataset } = options;
  const own: RowSource = {
    ...(task === undefined ? {} : { task }),
    ...(head === undefined ? {} : { head }),
    ...(dataset === undefined ? {} : { dataset }),
  };
  const main = [
    resolve(own, 'train', true),
    ...(options.mix ?? []).map((source, i) => resolve(source, `mix[${i}]`, false)),
  ];
  const beside = (options.beside ?? []).map((side, i) => {
    checkSide(side, i, main.length);
    const sources = side.sources.map((source, s) => {
      const resolved = resolve(source, `beside[${i}].sources[${s}]`, false);
      if (side.rows === 'same' && (resolved.rows !== undefined || parts[resolved.part]!.dataset !== parts[0]!.dataset))
        throw new LrdistError(
          'ERR_INVALID_OPTION',
          `beside[${i}]: the rows "same" need sources with the run's own dataset`,
        );
      return resolved;
    });
    return { rows: side.rows, weight: side.weight, sources };
  });
  const lengths = (): Int32Array => lengthsOf(main.map(({ part, rows }) => ({ split: splits[part]!, rows })));
  return { parts, main, beside, headNames, lengths };
}

/** The paper's loss is for classes: heads of regression keep their own. */
function sideLoss(loss: TrainOptions['loss'], { loss: own, targets, task }: RowSource): TrainOptions['loss'] {
  if (own !== undefined) return own;
  if (targets !== undefined) return 'distillation';
  return loss === 'double-softmax' && task?.labels !== null ? loss : undefined;
}

function checkSide({ rows, sources, weight }: SideRows, index: number, main: number): void {
  const refuse = (message: string): LrdistError =>
    new LrdistError('ERR_INVALID_OPTION', `beside[${index}]: ${message}`);
  if (rows !== 'own' && rows !== 'same') throw refuse(`rows: expected "own" or "same", received ${String(rows)}`);
  if (sources.length === 0) throw refuse('sources: expected at least one');
  if (!(Number.isFinite(weight) && weight >= 0))
    throw refuse(`weight: expected a number of 0 or more, received ${weight}`);
  if (rows === 'same' && main > 1) throw refuse('the rows "same" do not go with mixed rows');
}

function checkRows(rows: Int32Array | undefined, count: number, where: string): void {
  if (count < 1 || rows?.length === 0)
    throw new LrdistError('ERR_INVALID_OPTION', `${where}: there are no rows to train on`);
  const bad = rows?.find((row) => row < 0 || row >= count);
  if (bad !== undefined)
    throw new LrdistError('ERR_INVALID_OPTION', `${where}: rows: there is no row ${bad}; rows are 0 to ${count - 1}`);
}

interface PartSettings {
  readonly loss: TrainOptions['loss'];
  readonly labelSmoothing: number;
  readonly masking: TrainOptions['masking'];
}

function partOf(
  context: SourceContext,
  source: RowSource,
  where: string,
  settings: PartSettings,
): { part: NativePart; head: string } {
  const headName = source.head ?? source.task?.name;
  const split = source.dataset ?? source.task?.splits['train'];
  if (headName === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', `${where}: expected a task, or a head with a dataset`);
  if (split === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', `${where}: task ${headName} has no split "train"`, {
      remedy: 'Load the train split, or pass rows as `dataset`.',
    });
  const head = context.head(headName);
  const { kind, labels } = context.heads[head]!;
  const loss = settings.loss ?? (kind === 'masked-lm' ? 'masked-lm' : labels === null ? 'mse' : 'cross-entropy');
  requireLoss(loss, kind, labels, settings, where);
  if (loss === 'distillation') requireTargets(source, rowsOf(split), labels, context.replicas, where);
  else if (loss !== 'masked-lm') requireLabels(split, source.rows, labels, headName);
  return {
    head: headName,
    part: {
      head,
      dataset: context.dataset(split),
      loss,
      ...(settings.labelSmoothing > 0 && loss === 'cross-entropy' ? { labelSmoothing: settings.labelSmoothing } : {}),
      ...(settings.masking === undefined || loss !== 'masked-lm' ? {} : { masking: settings.masking }),
      ...(loss === 'distillation' ? { targets: source.targets!, temperature: source.temperature ?? 1 } : {}),
    },
  };
}

function requireLoss(
  loss: NativePart['loss'],
  kind: string,
  labels: readonly string[] | null,
  settings: PartSettings,
  where: string,
): void {
  const fits =
    kind === 'masked-lm'
      ? loss === 'masked-lm'
      : loss === 'distillation'
        ? where !== 'train'
        : labels === null
          ? loss === 'mse'
          : loss === 'cross-entropy' || loss === 'double-softmax';
  if (!fits)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `${where === 'train' ? '' : `${where}: `}loss: "${loss}" does not fit a ${kind === 'masked-lm' ? 'masked-lm' : labels === null ? 'regression' : 'classification'} head`,
    );
  if (loss === 'masked-lm' && settings.masking === undefined)
    throw new LrdistError('ERR_INVALID_OPTION', 'masking: masked-lm needs it (probability, maskId, special)');
  if (settings.labelSmoothing > 0 && where === 'train' && loss !== 'cross-entropy')
    throw new LrdistError('ERR_INVALID_OPTION', `labelSmoothing: only for cross-entropy, not "${loss}"`);
}

function requireTargets(
  { targets }: RowSource,
  rows: number,
  labels: readonly string[] | null,
  replicas: number,
  where: string,
): void {
  const wanted = replicas * rows * (labels?.length ?? 1);
  if (targets?.length !== wanted)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `${where}: targets: expected ${wanted} logits (replicas x rows x outputs), received ${targets?.length ?? 'none'}`,
    );
}

function requireLabels(
  split: EncodedSplit,
  rows: Int32Array | undefined,
  labels: readonly string[] | null,
  name: string,
): void {
  const used = rows ?? split.labels.keys();
  for (const row of used) {
    const label = split.labels[row];
    if (label === undefined) continue;
    if (Number.isNaN(label)) {
      throw new LrdistError('ERR_DATA_INVALID', `row ${row + 1} of the rows to train ${name} on has no label`, {
        remedy: 'Official test files have no labels: train on the train split.',
      });
    }
    if (labels !== null && !(Number.isInteger(label) && label >= 0 && label < labels.length)) {
      throw new LrdistError(
        'ERR_LABEL_UNKNOWN',
        `row ${row + 1} of the rows to train ${name} on has label ${label}; classes are 0 to ${labels.length - 1} (${labels.join(', ')})`,
      );
    }
  }
}
