/** `complete` trials can be combined; of the others only their number is of interest. `unscored`: a line without a state and without scores. */
export type TrialRowState = 'complete' | 'pruned' | 'failed' | 'running' | 'waiting' | 'unscored';

/** Names of scores in a table. `score` stands for all where a log has a single number. Higher is better. */
export const scoreNames = ['before', 'p_s', 'p_o', 'score'] as const;
export type ScoreName = (typeof scoreNames)[number];

/** What the scores of a trial depend on beside its rates. Only trials in which these agree can be compared. */
export const contextNames = ['model', 'layers', 'protocol', 'grouping', 'split', 'epochs'] as const;
export type ContextName = (typeof contextNames)[number];

export interface TrialRow {
  /** The two tasks in the order of learning, such as `sst2->mrpc`. */
  readonly pair: string;
  readonly state: TrialRowState;
  /** [groups], in the order of the table's groups; 0 = frozen. Null where a trial that is not complete has none. */
  readonly rates: readonly number[] | null;
  readonly scores: Readonly<Partial<Record<ScoreName, number>>>;
  /** As written; what a row does not say is unknown. */
  readonly context: Readonly<Partial<Record<ContextName, string>>>;
  readonly seed?: number;
  /** Where it is written, for errors: `a.csv:12`. */
  readonly where: string;
}

export interface TrialTable {
  /** A file, or the name of a study. */
  readonly source: string;
  /** Of the file's bytes. */
  readonly sha256?: string;
  /** Names of the groups out of `lr_NAME`; `0`, `1`, ... where the columns are only ordered. */
  readonly groups: readonly string[];
  /** Columns `lr_0`, `lr_1`, ..., which do not say what their groups are. */
  readonly ordered: boolean;
  readonly rows: readonly TrialRow[];
  /** Columns that mean nothing here. */
  readonly unused: readonly string[];
}
