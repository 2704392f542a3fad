import type { Stream } from '../output.ts';

/** Lines at the bottom of a terminal that are drawn over again. */
export class Block {
  readonly #stream: Stream;
  #height = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  draw(lines: readonly string[]): void {
    const width = (this.#stream.columns ?? 80) - 1;
    const cut = lines.map((line) => [...line].slice(0, width).join(''));
    this.#stream.write(`${this.#up()}${cut.map((line) => `${line}\n`).join('')}`);
    this.#height = cut.length;
  }

  /** Takes the lines away, so that something else can be written. */
  clear(): void {
    if (this.#height === 0) return;
    this.#stream.write(this.#up());
    this.#height = 0;
  }

  /** Leaves the lines where they are: something else was written below them. */
  leave(): void {
    this.#height = 0;
  }

  /** To the first line, and away with everything below. */
  #up(): string {
    return this.#height === 0 ? '' : `\u001b[${this.#height}A\u001b[J`;
  }
}
