/** Time that stands still while anybody works, and jumps to the next who wakes when all sleep. */
export class VirtualClock {
  /** Seconds. */
  now = 0;
  readonly #sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  #active = 0;
  #settled = false;

  /** Counts one more who works or sleeps. */
  enter(): void {
    this.#active++;
  }

  leave(): void {
    this.#active--;
    // Whoever gives out work may have more now.
    this.#settled = false;
  }

  /** Nobody enters until somebody leaves. */
  settled(): void {
    this.#settled = true;
    this.#advance();
  }

  sleep(seconds: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ at: this.now + seconds, wake });
      this.#advance();
    });
  }

  /** Of several who wake at once, the one who fell asleep first. */
  #advance(): void {
    if (!this.#settled || this.#active === 0 || this.#sleepers.length < this.#active) return;
    const first = this.#sleepers.reduce((a, b) => (b.at < a.at ? b : a));
    this.#sleepers.splice(this.#sleepers.indexOf(first), 1);
    this.now = first.at;
    first.wake();
  }
}
