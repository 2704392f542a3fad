import type { Claim, Storage } from './storage/storage.ts';

/** Renews the leases of claims from a timer, until they are dropped or lost. The timer does not hold the process open. */
export class Heartbeat {
  readonly #storage: Storage;
  readonly #study: number;
  readonly #lease: number;
  readonly #claims = new Map<string, { readonly claim: Claim; readonly onLost: () => void }>();
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  /** @param lease in milliseconds; renewed three times as often */
  constructor(storage: Storage, study: number, lease: number) {
    this.#storage = storage;
    this.#study = study;
    this.#lease = lease;
  }

  add(claims: readonly Claim[], onLost: () => void): void {
    for (const claim of claims) this.#claims.set(keyOf(claim), { claim, onLost });
    this.#timer ??= setInterval(() => void this.#beat(), Math.max(1, this.#lease / 3)).unref();
  }

  drop(claims: readonly Claim[]): void {
    for (const claim of claims) this.#claims.delete(keyOf(claim));
    if (this.#claims.size === 0) this.stop();
  }

  /** @returns the claims that were still kept */
  stop(): readonly Claim[] {
    clearInterval(this.#timer);
    this.#timer = undefined;
    const left = Array.from(this.#claims.values(), ({ claim }) => claim);
    this.#claims.clear();
    return left;
  }

  async #beat(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const asked = [...this.#claims.values()];
    try {
      const renewed = await this.#storage.renew(
        this.#study,
        asked.map(({ claim }) => claim),
        this.#lease,
      );
      const held = new Set(renewed.map(keyOf));
      // What was dropped meanwhile is finished, not lost.
      for (const { claim, onLost } of asked) {
        const key = keyOf(claim);
        if (!held.has(key) && this.#claims.delete(key)) onLost();
      }
    } catch {
      // A storage out of reach: the next beat tries again, and whoever writes a result hears of it.
    } finally {
      this.#busy = false;
    }
  }
}

/** Trials that were claimed by one call have the same token. */
function keyOf({ trial, token }: Claim): string {
  return `${trial.number} ${token}`;
}
