import type { Random } from '../random.ts';

/** One row of a task: one or two texts and the index of its label. */
export interface Row {
  readonly texts: readonly [string] | readonly [string, string];
  readonly label: number;
}

export interface DemoTask {
  readonly name: string;
  /** What a reader should know, in one line. */
  readonly description: string;
  readonly labels: readonly string[];
  /** Draws a row with the given label. */
  draw(label: number, random: Random): Row;
}
