import { LrdistError, nearest } from '../errors.ts';
import type { MetricName } from '../metrics/names.ts';
import type { RowShape } from './rows.ts';

export type GlueName = 'cola' | 'sst2' | 'mrpc' | 'stsb' | 'qqp' | 'mnli' | 'qnli' | 'rte' | 'wnli' | 'ax';

export type Split =
  | 'train'
  | 'validation'
  | 'validation_matched'
  | 'validation_mismatched'
  | 'test'
  | 'test_matched'
  | 'test_mismatched';

/** Where the official TSV files keep what Hugging Face's columns hold. */
export interface TsvLayout {
  /** Folder in GLUE's zips. */
  readonly folder: string;
  /** Other names of that folder, compared without case and punctuation. */
  readonly aliases?: readonly string[];
  /** File of each split. */
  readonly files: Partial<Readonly<Record<Split, string>>>;
  /** Header names of the texts and the label, in the order of `textColumns`. */
  readonly texts: readonly [string] | readonly [string, string];
  readonly label: string;
  /** Column names of the splits whose file has no header line (CoLA). */
  readonly headerless?: { readonly splits: readonly Split[]; readonly columns: readonly string[] };
  /** Rows with a wrong number of columns are known to occur and are skipped and counted (QQP). */
  readonly skipBroken?: boolean;
}

/** A GLUE task. Column names, label names and their order are those of Hugging Face's `glue` data set. */
export interface GlueTask extends RowShape {
  readonly name: GlueName;
  readonly title: string;
  readonly splits: readonly Split[];
  /** Hugging Face's metric names, as `evaluate.load("glue", name)` reports them. */
  readonly metrics: readonly MetricName[];
  /** The one score that stands for the task where tasks are compared or summed. */
  readonly mainMetric: MetricName;
  /** What guessing gets in `mainMetric`. */
  readonly chance: number;
  /** For `holdOut`: train holds phrases of its own sentences, those of at least this many words must not be torn from them (SST-2). */
  readonly containment?: number;
  readonly tsv: TsvLayout;
}

const plain = ['train', 'validation', 'test'] as const;
const plainFiles = { train: 'train.tsv', validation: 'dev.tsv', test: 'test.tsv' } as const;

export const glueTasks: Readonly<Record<GlueName, GlueTask>> = {
  cola: {
    name: 'cola',
    title: 'Corpus of Linguistic Acceptability',
    textColumns: ['sentence'],
    labelColumn: 'label',
    labels: ['unacceptable', 'acceptable'],
    splits: plain,
    metrics: ['matthews_correlation'],
    mainMetric: 'matthews_correlation',
    chance: 0,
    tsv: {
      folder: 'CoLA',
      files: plainFiles,
      texts: ['sentence'],
      label: 'label',
      headerless: { splits: ['train', 'validation'], columns: ['source', 'label', 'mark', 'sentence'] },
    },
  },
  sst2: {
    name: 'sst2',
    title: 'Stanford Sentiment Treebank',
    textColumns: ['sentence'],
    labelColumn: 'label',
    labels: ['negative', 'positive'],
    splits: plain,
    metrics: ['accuracy'],
    mainMetric: 'accuracy',
    chance: 1 / 2,
    // Below three words (two thirds of the rows would be one group) phrases are common to unrelated sentences.
    containment: 3,
    tsv: { folder: 'SST-2', files: plainFiles, texts: ['sentence'], label: 'label' },
  },
  mrpc: {
    name: 'mrpc',
    title: 'Microsoft Research Paraphrase Corpus',
    textColumns: ['sentence1', 'sentence2'],
    labelColumn: 'label',
    labels: ['not_equivalent', 'equivalent'],
    splits: plain,
    metrics: ['accuracy', 'f1'],
    mainMetric: 'accuracy',
    chance: 1 / 2,
    tsv: { folder: 'MRPC', files: plainFiles, texts: ['#1 String', '#2 String'], label: 'Quality' },
  },
  stsb: {
    name: 'stsb',
    title: 'Semantic Textual Similarity Benchmark',
    textColumns: ['sentence1', 'sentence2'],
    labelColumn: 'label',
    labels: null,
    range: [0, 5],
    splits: plain,
    metrics: ['pearson', 'spearmanr'],
    mainMetric: 'spearmanr',
    chance: 0,
    tsv: { folder: 'STS-B', files: plainFiles, texts: ['sentence1', 'sentence2'], label: 'score' },
  },
  qqp: {
    name: 'qqp',
    title: 'Quora Question Pairs',
    textColumns: ['question1', 'question2'],
    labelColumn: 'label',
    labels: ['not_duplicate', 'duplicate'],
    splits: plain,
    metrics: ['accuracy', 'f1'],
    mainMetric: 'accuracy',
    chance: 1 / 2,
    tsv: {
      folder: 'QQP',
      files: plainFiles,
      texts: ['question1', 'question2'],
      label: 'is_duplicate',
      skipBroken: true,
    },
  },
  mnli: {
    name: 'mnli',
    title: 'Multi-Genre Natural Language Inference',
    textColumns: ['premise', 'hypothesis'],
    labelColumn: 'label',
    labels: ['entailment', 'neutral', 'contradiction'],
    splits: ['train', 'validation_matched', 'validation_mismatched', 'test_matched', 'test_mismatched'],
    metrics: ['accuracy'],
    mainMetric: 'accuracy',
    chance: 1 / 3,
    tsv: {
      folder: 'MNLI',
      files: {
        train: 'train.tsv',
        validation_matched: 'dev_matched.tsv',
        validation_mismatched: 'dev_mismatched.tsv',
        test_matched: 'test_matched.tsv',
        test_mismatched: 'test_mismatched.tsv',
      },
      texts: ['sentence1', 'sentence2'],
      label: 'gold_label',
    },
  },
  qnli: {
    name: 'qnli',
    title: 'Question Natural Language Inference',
    textColumns: ['question', 'sentence'],
    labelColumn: 'label',
    labels: ['entailment', 'not_entailment'],
    splits: plain,
    metrics: ['accuracy'],
    mainMetric: 'accuracy',
    chance: 1 / 2,
    tsv: { folder: 'QNLI', files: plainFiles, texts: ['question', 'sentence'], label: 'label' },
  },
  rte: {
    name: 'rte',
    title: 'Recognizing Textual Entailment',
    textColumns: ['sentence1', 'sentence2'],
    labelColumn: 'label',
    labels: ['entailment', 'not_entailment'],
    splits: plain,
    metrics: ['accuracy'],
    mainMetric: 'accuracy',
    chance: 1 / 2,
    tsv: { folder: 'RTE', files: plainFiles, texts: ['sentence1', 'sentence2'], label: 'label' },
  },
  wnli: {
    name: 'wnli',
    title: 'Winograd Natural Language Inference',
    textColumns: ['sentence1', 'sentence2'],
    labelColumn: 'label',
    labels: ['not_entailment', 'entailment'],
    splits: plain,
    metrics: ['accuracy'],
    mainMetric: 'accuracy',
    chance: 1 / 2,
    tsv: { folder: 'WNLI', files: plainFiles, texts: ['sentence1', 'sentence2'], label: 'label' },
  },
  ax: {
    name: 'ax',
    title: 'GLUE diagnostics',
    textColumns: ['premise', 'hypothesis'],
    labelColumn: 'label',
    labels: ['entailment', 'neutral', 'contradiction'],
    splits: ['test'],
    metrics: ['matthews_correlation'],
    mainMetric: 'matthews_correlation',
    chance: 0,
    tsv: {
      folder: 'diagnostic',
      aliases: ['ax', 'diagnostics'],
      files: { test: 'diagnostic.tsv' },
      texts: ['sentence1', 'sentence2'],
      label: 'label',
    },
  },
};

export const glueNames = Object.keys(glueTasks) as readonly GlueName[];

export function isGlueName(name: string): name is GlueName {
  return Object.hasOwn(glueTasks, name);
}

/**
 * The GLUE task of that name, in any case.
 * @throws LrdistError ERR_INVALID_OPTION with the nearest name.
 */
export function glueTask(name: string): GlueTask {
  const lower = name.toLowerCase();
  if (isGlueName(lower)) return glueTasks[lower];
  const near = nearest(lower.replaceAll(/[-_]/g, ''), glueNames);
  throw new LrdistError('ERR_INVALID_OPTION', `There is no GLUE task "${name}".`, {
    remedy: `${near === undefined ? '' : `Did you mean ${near}? `}The tasks are ${glueNames.join(', ')}.`,
  });
}

/**
 * The split as the task names it: `dev` is `validation`, and MNLI's `validation` and `test` are the matched ones.
 * @throws LrdistError ERR_INVALID_OPTION if the task has no such split.
 */
export function glueSplit(task: GlueTask, name: string): Split {
  const wanted = name.replace(/^dev/, 'validation');
  for (const candidate of [wanted, `${wanted}_matched`] as Split[]) {
    if (task.splits.includes(candidate)) return candidate;
  }
  throw new LrdistError('ERR_INVALID_OPTION', `Task ${task.name} has no split "${name}".`, {
    remedy: `Its splits are ${task.splits.join(', ')}.`,
  });
}
