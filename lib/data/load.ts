import type { GlueTask } from './glue.ts';
import type { Rows, RowShape } from './rows.ts';
export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** Leave rows with a wrong number of columns out and count them. Default: only for QQP, whose official files have some. */
  readonly skipBroken?: boolean;
}
/** Rows of one GLUE split from a folder of official TSV folders or of Hugging Face's Parquet files. `split` as in `glueSplit`. */
export declare function loadGlue(dataDir: string, task: GlueTask, split: string, options?: LoadOptions): Promise<Rows>;

export interface OwnFiles {
  readonly train?: string;
  readonly validation?: string;
  readonly test?: string;
}
export interface OwnFilesOptions extends LoadOptions {
  readonly textColumns?: readonly string[];
  /** Default `label`. */
  readonly labelColumn?: string;
  /** Class names in label order, such as a model's. Default: the sorted distinct labels of the train file. */
  readonly labels?: readonly string[];
  /** Treat labels as numbers to be predicted. Default: whether the train file's labels are floating-point numbers. */
  readonly regression?: boolean;
}
export interface OwnData {
  readonly shape: RowShape;
  readonly splits: Readonly<Partial<Record<'train' | 'validation' | 'test', Rows>>>;
}
/** Own CSV, TSV, JSON, JSON-lines or Parquet files, read as run_glue reads `--train_file`, `--validation_file` and `--test_file`. */
export declare function loadOwnFiles(files: OwnFiles, options?: OwnFilesOptions): Promise<OwnData>;
