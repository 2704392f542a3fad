import { closeSync, openSync, readSync } from 'node:fs';

/** What a shared library says of itself, read without running it. */
export interface ElfFacts {
  /** In process.arch's words: x64, arm64, or `machine <number>`. */
  readonly arch: string;
  /** DT_NEEDED: names of the libraries it asks for. */
  readonly needed: readonly string[];
  /** DT_RPATH and DT_RUNPATH, split at colons, `$ORIGIN` as it stands. */
  readonly searchPath: readonly string[];
}

const machines: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64' };
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DT_STRSZ = 10n;
const DT_RPATH = 15n;
const DT_RUNPATH = 29n;

interface Segment {
  readonly type: number;
  readonly offset: bigint;
  readonly address: bigint;
  readonly size: bigint;
}

/** Reads a 64-bit little-endian ELF file. Throws an Error saying what is wrong with it (not ELF, cut short). */
export function readElf(path: string): ElfFacts {
  const file = openSync(path, 'r');
  try {
    const read = (offset: bigint, length: number): Buffer => {
      const bytes = Buffer.alloc(length);
      if (length > 0 && readSync(file, bytes, 0, length, offset) !== length) throw new Error('the file is cut short');
      return bytes;
    };
    const header = read(0n, 64);
    if (header.readUInt32BE(0) !== 0x7f454c46) throw new Error('not an ELF file');
    if (header[4] !== 2 || header[5] !== 1) throw new Error('not a 64-bit little-endian ELF file');
    const machine = header.readUInt16LE(18);
    const segments = readSegments(
      read(header.readBigUInt64LE(32), header.readUInt16LE(54) * header.readUInt16LE(56)),
      header.readUInt16LE(54),
    );
    return { arch: machines[machine] ?? `machine ${machine}`, ...readDynamic(segments, read) };
  } finally {
    closeSync(file);
  }
}

function readSegments(table: Buffer, entrySize: number): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at + 56 <= table.length; at += entrySize) {
    segments.push({
      type: table.readUInt32LE(at),
      offset: table.readBigUInt64LE(at + 8),
      address: table.readBigUInt64LE(at + 16),
      size: table.readBigUInt64LE(at + 32),
    });
  }
  return segments;
}

function readDynamic(
  segments: readonly Segment[],
  read: (offset: bigint, length: number) => Buffer,
): Pick<ElfFacts, 'needed' | 'searchPath'> {
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
  if (dynamic === undefined) return { needed: [], searchPath: [] };
  const table = read(dynamic.offset, Number(dynamic.size));
  const entries: { tag: bigint; value: bigint }[] = [];
  for (let at = 0; at + 16 <= table.length; at += 16)
    entries.push({ tag: table.readBigUInt64LE(at), value: table.readBigUInt64LE(at + 8) });
  const value = (tag: bigint): bigint => entries.find((entry) => entry.tag === tag)?.value ?? 0n;
  const address = value(DT_STRTAB);
  const home = segments.find((s) => s.type === PT_LOAD && address >= s.address && address < s.address + s.size);
  if (home === undefined) return { needed: [], searchPath: [] };
  const strings = read(home.offset + address - home.address, Number(value(DT_STRSZ)));
  const text = (at: bigint): string => strings.toString('latin1', Number(at), strings.indexOf(0, Number(at)));
  return {
    needed: entries.filter((entry) => entry.tag === DT_NEEDED).map((entry) => text(entry.value)),
    searchPath: entries
      .filter((entry) => entry.tag === DT_RPATH || entry.tag === DT_RUNPATH)
      .flatMap((entry) => text(entry.value).split(':')),
  };
}
