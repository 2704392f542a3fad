/** One example, before tokenizing. */
export interface Row {
  readonly a: string;
  /** Second text of a pair. */
  readonly b?: string;
  /** Class index or regression target; NaN where there is none (official test files). */
  readonly label: number;
  /** Position of the row in its file, from 0, skipped rows counted (Hugging Face's `idx`). */
  readonly id: number;
}

/** The rows of one split. */
export interface Rows {
  readonly rows: readonly Row[];
  /** Broken rows left out (QQP's official files have some). */
  readonly skipped: number;
  /** Files they came from. */
  readonly files: readonly string[];
}

/** How columns become rows: what GLUE tasks and own files have in common. */
export interface RowShape {
  /** One column for single sentences, two for pairs. */
  readonly textColumns: readonly [string] | readonly [string, string];
  readonly labelColumn: string;
  /** Class names in label order; null for regression. */
  readonly labels: readonly string[] | null;
  /** Bounds of a regression target. */
  readonly range?: readonly [number, number];
}
