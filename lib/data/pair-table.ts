/**
 * A map from pairs of non-negative int32 to non-negative int32, several times as fast as a Map with numbers above 2^31 as keys (open addressing, linear probing).
 */
export class PairTable {
  #size = 0;
  #mask = (1 << 12) - 1;
  /** Three for each place: first, second, value + 1; 0 = free. */
  #places = new Int32Array(3 << 12);

  /** The value, or -1. */
  get(first: number, second: number): number {
    return this.#places[3 * this.#place(first, second) + 2]! - 1;
  }

  set(first: number, second: number, value: number): void {
    if (2 * this.#size > this.#mask) this.#grow();
    const at = 3 * this.#place(first, second);
    if (this.#places[at + 2] === 0) this.#size++;
    this.#places[at] = first;
    this.#places[at + 1] = second;
    this.#places[at + 2] = value + 1;
  }

  /** Where the pair is, or the free place where it would be. */
  #place(first: number, second: number): number {
    let h = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca77);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae3d);
    let place = (h ^ (h >>> 13)) & this.#mask;
    for (;;) {
      const at = 3 * place;
      if (this.#places[at + 2] === 0 || (this.#places[at] === first && this.#places[at + 1] === second)) return place;
      place = (place + 1) & this.#mask;
    }
  }

  #grow(): void {
    const old = this.#places;
    this.#mask = 2 * this.#mask + 1;
    this.#places = new Int32Array(3 * (this.#mask + 1));
    this.#size = 0;
    for (let at = 0; at < old.length; at += 3) {
      if (old[at + 2] !== 0) this.set(old[at]!, old[at + 1]!, old[at + 2]! - 1);
    }
  }
}
