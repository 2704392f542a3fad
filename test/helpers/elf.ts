/** A minimal 64-bit ELF shared library: header, two program headers, a dynamic section. It can be read, not run. */
export function fakeElf({
  machine = process.arch === 'arm64' ? 183 : 62,
  needed = [],
  rpath,
  extra = '',
}: {
  machine?: number;
  needed?: readonly string[];
  rpath?: string;
  extra?: string;
} = {}): Buffer {
  let strings = '\0';
  const add = (text: string): bigint => {
    const at = strings.length;
    strings += `${text}\0`;
    return BigInt(at);
  };
  const entries: [bigint, bigint][] = needed.map((name) => [1n, add(name)]);
  if (rpath !== undefined) entries.push([15n, add(rpath)]);
  const dynamicAt = 64 + 2 * 56;
  const dynamicSize = (entries.length + 3) * 16;
  const stringsAt = dynamicAt + dynamicSize;
  // The string table is given by address, which differs from the offset in the file.
  const base = 0x1000;
  entries.push([5n, BigInt(base + stringsAt)], [10n, BigInt(strings.length)], [0n, 0n]);
  const size = stringsAt + strings.length;

  const bytes = Buffer.alloc(size);
  bytes.write('\x7fELF\x02\x01\x01', 'latin1');
  bytes.writeUInt16LE(3, 16);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(64, 52);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, length: number): void => {
    bytes.writeUInt32LE(type, at);
    bytes.writeUInt32LE(4, at + 4);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(base + offset), at + 16);
    bytes.writeBigUInt64LE(BigInt(length), at + 32);
    bytes.writeBigUInt64LE(BigInt(length), at + 40);
  };
  segment(64, 1, 0, size);
  segment(120, 2, dynamicAt, dynamicSize);
  entries.forEach(([tag, value], i) => {
    bytes.writeBigUInt64LE(tag, dynamicAt + i * 16);
    bytes.writeBigUInt64LE(value, dynamicAt + i * 16 + 8);
  });
  bytes.write(strings, stringsAt, 'latin1');
  return Buffer.concat([bytes, Buffer.from(extra)]);
}
