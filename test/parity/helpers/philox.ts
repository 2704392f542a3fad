/**
 * Philox4x32-10 (Salmon et al., SC 2011), written for these tests alone, and the keep factors that the engine says it draws with it.
 */
type Words = readonly [number, number, number, number];

export function philox(counter: Words, key: readonly [number, number]): Words {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  const low = (value: bigint) => value & 0xffffffffn;
  for (let round = 0; round < 10; round++) {
    const a = 0xd2511f53n * c0;
    const b = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(b >> 32n) ^ c1 ^ k0, low(b), (a >> 32n) ^ c3 ^ k1, low(a)];
    k0 = low(k0 + 0x9e3779b9n);
    k1 = low(k1 + 0xbb67ae85n);
  }
  return [Number(c0), Number(c1), Number(c2), Number(c3)];
}

export const sites = { child: 0xfffb, mixout: 0xfffc } as const;

export interface Draw {
  readonly seed: number;
  /** Optimizer step over all stages. */
  readonly step: number;
  readonly site: number;
  /** Parameter name: each tensor has a stream of its own. */
  readonly tensor: string;
  /** Of being dropped; rounded to 1/65536. */
  readonly probability: number;
}

/** 0, or what makes the mean 1, for each of n consecutive elements: eight 16-bit numbers from one call, low halves first. */
export function keepFactors({ seed, step, site, tensor, probability }: Draw, n: number): Float32Array {
  const dropped = Math.round(probability * 65536);
  const scale = 65536 / (65536 - dropped);
  const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)] as const;
  const keep = new Float32Array(n);
  for (let i = 0; i < n; i += 8) {
    const words = philox([i / 8, site * 65536, hash(tensor), step], key);
    for (let half = 0; half < 8 && i + half < n; half++) {
      const word = words[half >> 1]!;
      keep[i + half] = (half % 2 === 0 ? word & 0xffff : word >>> 16) < dropped ? 0 : scale;
    }
  }
  return keep;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
