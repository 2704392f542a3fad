/** Slots that hold what is known of the pretrained weights. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shuffledOrder } from '../random.ts';
import { selectRows } from '../data/select.ts';
import type { Model } from '../train/model.ts';
import { withSignal } from '../train/native-errors.ts';
import { openModel } from '../train/open.ts';
import { makeHeader, readHeader } from '../train/safetensors.ts';
import { rowsOf } from '../train/task.ts';
import { requireLanguageHead } from './language-head.ts';
import { retrainHead } from './measure/index.ts';
import type { SequencePlan } from './sequence-plan.ts';

export interface Pretrained {
  readonly weights: number | undefined;
  /** Of the masked-LM loss. */
  readonly fisher: number | undefined;
}

/** To be called while the model has its first weights and one replica. */
export async function pretrainedSlots(plan: SequencePlan, model: Model, seed: number): Promise<Pretrained> {
  const kinds = plan.penalties.flatMap(({ stages }) => stages.map(({ kind }) => kind));
  return {
    weights: kinds.some(({ pretrained }) => pretrained === true) ? await model.session.snapshot('weights') : undefined,
    fisher: kinds.some(({ name }) => name === 'ewc-pretrained') ? await languageFisher(plan, model, seed) : undefined,
  };
}

/**
 * The masked-LM Fisher diagonal, in a slot of `model`. It is made in a session of its own, because the heads of `model` are those of the tasks:
 * rate distributions need not know of a language-model head.
 */
async function languageFisher(plan: SequencePlan, model: Model, seed: number): Promise<number> {
  const { options } = plan;
  const { dataset, masking, retrainHead: retrain = false } = options.pretraining!;
  const { signal } = options;
  const folder = await mkdtemp(join(tmpdir(), 'lrdist-'));
  try {
    const file = join(folder, 'fisher.safetensors');
    const { threads, device, matmul, precision } = options.session ?? {};
    await using language = await openModel({
      path: options.model,
      heads: [{ name: 'mlm', kind: 'masked-lm' }],
      seed,
      ...(threads === undefined ? {} : { threads }),
      ...(device === undefined ? {} : { device }),
      ...(matmul === undefined ? {} : { matmul }),
      ...(precision === undefined ? {} : { precision }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (!retrain) requireLanguageHead(language, 'ewc-pretrained');
    const { rows, others } = drawRows(rowsOf(dataset), plan.fisher.rows, seed);
    if (retrain)
      await retrainHead(
        language,
        { rows: selectRows(dataset, others), masking },
        signal === undefined ? {} : { signal },
      );
    const slot = await withSignal(language.session, signal, () =>
      language.session.fisher({
        head: language.head('mlm'),
        dataset: language.dataset(dataset),
        rows,
        loss: 'masked-lm',
        masking,
        labels: 'data',
      }),
    );
    const body = language.parameters.flatMap(({ name, shape }, parameter) =>
      name.startsWith('bert.') ? [{ name, shape, parameter }] : [],
    );
    await language.session.write(
      file,
      makeHeader(
        body.map(({ name, shape }) => ({ name, shape, dtype: 'F32' }) as const),
        { format: 'pt' },
      ),
      body.map(({ parameter }) => ({ buffer: 'slot', parameter, replica: 0, slot })),
    );
    return await intoSlot(model, file, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Rows of the Fisher information, and what is left to train a head on: all rows again where the first are more than half of them. */
function drawRows(count: number, wanted: number, seed: number): { rows: Int32Array; others: Int32Array } {
  const order = shuffledOrder(count, seed, 0x6d6c_6d00);
  const taken = Math.min(count, wanted);
  return { rows: order.slice(0, taken), others: order.slice(2 * taken <= count ? taken : 0) };
}

/** A new slot with the file's tensors; of what the file has not (heads, a fresh pooler) nothing is known: 0. */
async function intoSlot(model: Model, file: string, folder: string): Promise<number> {
  const { tensors } = await readHeader(file);
  const { session, parameters } = model;
  const zeros = join(folder, 'zeros');
  await writeFile(zeros, new Uint8Array(4 * Math.max(...parameters.map(({ shape }) => elements(shape)))));
  const slot = await session.snapshot('weights');
  const place = { dtype: 'F32', buffer: 'slot', replica: 0, slot } as const;
  await session.load(
    parameters.map(({ name }, parameter) => {
      const entry = tensors.get(name);
      return entry === undefined
        ? { ...place, path: zeros, offset: 0, parameter }
        : { ...place, path: file, offset: entry.offset, parameter };
    }),
  );
  return slot;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
