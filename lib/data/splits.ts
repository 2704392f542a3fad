import type { Row } from './rows.ts';
export interface HoldOutOptions {
  readonly seed: number;
  /** Rows to hold out. Default: a tenth, at least 1,000, but never above a fifth of the rows and 5,000. */
  readonly size?: number;
  /** Also keep texts that lie inside other texts on one side (SST-2's phrases). Default false. */
  readonly containment?: boolean;
}
export interface HeldOut {
  /** Row numbers, ascending. */
  readonly train: Int32Array;
  readonly heldOut: Int32Array;
}
export declare function holdOut(rows: readonly Row[], options: HoldOutOptions): HeldOut;
