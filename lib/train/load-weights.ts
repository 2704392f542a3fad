import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LrdistError } from '../errors.ts';
import type { NativeFileTensor, NativeSession } from '../native/boundary.ts';
import { readFailed } from './files.ts';
import type { FileTensor, LoadPlan } from './hf.ts';

/** Fills every parameter of a new session: from files where there are tensors, else with fresh values. */
export async function loadWeights(session: NativeSession, plan: LoadPlan, std: number, seed: number): Promise<void> {
  const index = new Map(session.parameters().map(({ name }, i) => [name, i]));
  const tensors: NativeFileTensor[] = [];
  const permuted: { parameter: number; tensor: FileTensor }[] = [];
  for (const [name, tensor] of plan.sources) {
    const parameter = indexOf(index, name);
    if (plan.report.labelOrder !== undefined && name.startsWith(`classifier.${plan.report.savedHead}.`))
      permuted.push({ parameter, tensor });
    else tensors.push(native(tensor, parameter, tensor.path, tensor.offset));
  }
  const fresh = Int32Array.from(plan.report.fresh, (name) => indexOf(index, name));
  if (fresh.length > 0) await session.initialize(fresh, std, seed);
  const scratch = permuted.length > 0 ? await mkdtemp(join(tmpdir(), 'lrdist-')) : undefined;
  try {
    for (const [i, { parameter, tensor }] of permuted.entries()) {
      const path = join(scratch!, String(i));
      await writeFile(path, await readRows(tensor, plan.report.labelOrder!));
      tensors.push(native(tensor, parameter, path, 0));
    }
    if (tensors.length > 0) await session.load(tensors);
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}

function indexOf(index: ReadonlyMap<string, number>, name: string): number {
  const found = index.get(name);
  if (found === undefined) throw new LrdistError('ERR_NATIVE', `the engine has no parameter "${name}"`);
  return found;
}

function native(tensor: FileTensor, parameter: number, path: string, offset: number): NativeFileTensor {
  return { path, offset, dtype: tensor.dtype as NativeFileTensor['dtype'], buffer: 'weights', parameter, replica: -1 };
}

/** The bytes of a tensor with its first dimension in another order: row i of the result is row `order[i]`. */
async function readRows(tensor: FileTensor, order: readonly number[]): Promise<Buffer> {
  const bytes = Buffer.alloc(tensor.bytes);
  try {
    const file = await open(tensor.path, 'r');
    try {
      await file.read(bytes, 0, tensor.bytes, tensor.offset);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw readFailed(tensor.path, error);
  }
  const row = tensor.bytes / order.length;
  return Buffer.concat(order.map((from) => bytes.subarray(from * row, (from + 1) * row)));
}
