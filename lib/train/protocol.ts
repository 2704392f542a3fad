/** What must be the same for a run to go on where a checkpoint ended: on the same kind of device bit for bit. */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { LrdistError } from '../errors.ts';
import { type DeviceKind, deviceKind, deviceNames, deviceText, gpuName } from '../native/devices.ts';
import { loadNative } from '../native/load.ts';
import type { Model } from './model.ts';
import { describeRegularizers } from './regularizers.ts';
import type { RunPlan } from './run.ts';
import type { EncodedSplit } from './task.ts';

export type Protocol = Readonly<Record<string, string | number>>;

export const packageVersion: string = (createRequire(import.meta.url)('../../package.json') as { version: string })
  .version;

export function protocolOf(model: Model, plan: RunPlan, split: EncodedSplit): Protocol {
  const { counts } = plan;
  const { optimizer } = plan.plan;
  const info = loadNative().info();
  const { device } = model.spec;
  const card = gpuName(device, info);
  const { length: devices } = deviceNames(device);
  return {
    lrdist: packageVersion,
    libtorch: info.libtorchLoaded,
    matmul: model.session.matmul(),
    threads: model.spec.threads,
    device: deviceKind(device),
    // Absent for one, so that checkpoints from before lists go on.
    ...(devices === 1 ? {} : { devices }),
    ...(card === undefined ? {} : { card }),
    precision: model.spec.precision,
    model_seed: model.spec.seed,
    model: digest(JSON.stringify([model.spec.model, model.parameters])),
    heads: model.heads.map((head) => `${head.name}:${head.labels?.join('/') ?? head.kind}`).join(', '),
    replicas: model.replicas,
    data_seed: plan.seed,
    rows: counts.rows,
    data: digest(split.inputIds, split.typeIds, split.offsets, split.labels),
    batch_size: counts.batchSize,
    ...batchingOf(plan),
    gradient_accumulation_steps: counts.accumulation,
    total_steps: counts.total,
    rates: digest(
      plan.plan.groupOf,
      plan.plan.rates,
      ...plan.phases.slice(1).flatMap(({ step, rates }) => [Float64Array.of(step), rates]),
    ),
    weight_decay: digest(plan.plan.decay),
    schedule: digest(plan.factors),
    optimizer: `${optimizer.name} ${optimizer.beta1} ${optimizer.beta2} ${optimizer.eps}`,
    max_grad_norm: plan.clipNorm,
    label_smoothing: plan.part.labelSmoothing ?? 0,
    loss: plan.part.loss,
    other_rows: otherRows(plan),
    regularizers: describeRegularizers(plan.regularization),
    dropout: plan.dropout ? `${model.spec.model.hiddenDropout} ${model.spec.model.attentionDropout}` : 'off',
    // Absent by default, so that checkpoints from before the option go on.
    ...(plan.frozenDropout ? {} : { frozen_dropout: 'off' }),
  };
}

/** Only where it is not the default, so that checkpoints from before these options go on. */
function batchingOf({ batching: { strategy, batchTokens } }: RunPlan): Protocol {
  return {
    ...(strategy === 'random' ? {} : { sampling_strategy: strategy }),
    ...(batchTokens === undefined ? {} : { batch_tokens: batchTokens }),
  };
}

/** What is learned beside the run's own rows. Their texts are not digested: the rows' numbers, teachers and weights are. */
function otherRows({ mixture }: RunPlan): string {
  const { parts, main, beside } = mixture;
  if (parts.length === 1) return 'none';
  const sources = [...main.slice(1), ...beside.flatMap((side) => side.sources)];
  return digest(
    JSON.stringify([main.length, beside.map(({ rows, weight, sources: list }) => [rows, weight, list.length])]),
    ...sources.flatMap(({ part, rows, count }) => {
      const { head, loss, temperature = 0, targets = new Float32Array() } = parts[part]!;
      return [JSON.stringify([head, loss, temperature, count]), rows ?? new Int32Array(), targets];
    }),
  );
}

export function digest(...parts: readonly (string | Int32Array | Uint8Array | Float32Array | Float64Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts)
    hash.update(typeof part === 'string' ? part : new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest('hex').slice(0, 16);
}

/** Of the device alone. What a run learns does not hang on them: rows, masks and schedules are the same on every device. */
const ofDevice = new Set(['device', 'devices', 'card', 'matmul', 'threads']);

/**
 * Another kind of device, another card, or another number of them, may go on with a run: only the last bits differ, in ways that rounding differs. Everything else must be the same.
 *
 * @returns what a user should know
 * @throws ERR_PROTOCOL_MISMATCH naming every difference
 */
export function requireSame(checkpoint: string, then: Protocol, now: Protocol): readonly string[] {
  const moved = ['device', 'devices', 'card'].some((key) => then[key] !== now[key]);
  const keys = [...new Set([...Object.keys(then), ...Object.keys(now)])];
  const different = keys.filter((key) => then[key] !== now[key] && !(moved && ofDevice.has(key)));
  if (different.length === 0)
    return moved
      ? [
          `${checkpoint} was made on ${nameOf(then)}, this run goes on on ${nameOf(now)}: same rows, masks and schedule, other last bits`,
        ]
      : [];
  const lines = different.map(
    (key) => `  ${key}: ${then[key] ?? 'absent'} in the checkpoint, ${now[key] ?? 'absent'} now`,
  );
  throw new LrdistError(
    'ERR_PROTOCOL_MISMATCH',
    `${checkpoint} was made by another configuration:\n${lines.join('\n')}`,
    {
      remedy: 'Use the options, data and versions of the interrupted run, or start anew with --overwrite_output_dir.',
    },
  );
}

/** The kind of device that a checkpoint was made on. */
export function deviceOf(protocol: Protocol): DeviceKind {
  return deviceKind(String(protocol['device'] ?? 'cpu'));
}

/** As many devices as it was made on, the first of their kind. */
export function devicesOf(protocol: Protocol): string {
  const kind = deviceOf(protocol);
  const length = Number(protocol['devices'] ?? 1);
  if (length === 1) return kind;
  return Array.from({ length }, (_, i) => (kind === 'cuda' ? `${kind}:${i}` : kind)).join(',');
}

function nameOf({ device = 'cpu', devices = 1, card }: Protocol): string {
  return deviceText(String(device), Number(devices), card === undefined ? undefined : String(card));
}
