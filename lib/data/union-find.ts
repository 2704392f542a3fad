/** Groups of the numbers 0 .. count - 1, joined pair by pair (Tarjan). */
export class UnionFind {
  readonly #parent: Int32Array;

  constructor(count: number) {
    this.#parent = Int32Array.from({ length: count }, (_, i) => i);
  }

  /** The number that stands for x's group: its smallest member. */
  find(x: number): number {
    let root = x;
    while (this.#parent[root] !== root) root = this.#parent[root]!;
    for (let i = x; i !== root; ) {
      const next = this.#parent[i]!;
      this.#parent[i] = root;
      i = next;
    }
    return root;
  }

  join(x: number, y: number): void {
    const a = this.find(x);
    const b = this.find(y);
    this.#parent[Math.max(a, b)] = Math.min(a, b);
  }
}
