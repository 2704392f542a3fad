/** What is measured between the beginning and the end of a stage: where forgetting happens. docs/measures.md has the formulas. */

/** null where there is no value: nothing to compare, or the model stopped being finite. */
export type Measured = number | null;

export const measureNames = ['drift', 'conflict', 'similarity', 'probe', 'masked_lm'] as const;
export type MeasureName = (typeof measureNames)[number];

/** By part of the model, in its order: `embeddings`, `layer_0`, ..., `pooler`, `classifier.<task>`, `cls.predictions`. */
export type ByPart = Readonly<Record<string, Measured>>;

/** |w - w0| / |w0|, Euclidean. */
export interface DriftRecord {
  /** Of the pretrained body: embeddings and layers. */
  readonly body: Measured;
  readonly layers: ByPart;
  /** By kind within a layer: LayerNorm, bias, attention, feed-forward. */
  readonly kinds: ByPart;
  /** By group of the replica's own rate distribution, where it was given. */
  readonly groups?: ByPart;
  readonly parameters: ByPart;
}

/** Cosine of the two tasks' mean gradients at the same weights; below 0 a small step for one task hurts the other. */
export interface ConflictPoint {
  readonly body: Measured;
  readonly layers: ByPart;
  readonly kinds: ByPart;
  readonly groups?: ByPart;
  /** Norms of the two gradients over the body: of the task to keep, and of the task to learn. */
  readonly norms: readonly [Measured, Measured];
}

export interface ConflictRecord {
  readonly before: ConflictPoint;
  readonly after: ConflictPoint;
}

/** Linear CKA of the first token's states before and after, on rows of the task to keep: `layer_0`, `layer_1`, ... */
export interface SimilarityRecord {
  readonly layers: ByPart;
}

export interface ProbePoint {
  /** Score of the linear probe on the frozen features. */
  readonly probe: Measured;
  /** Score of the model's own head on the same rows. */
  readonly head: Measured;
  /** Ridge strength chosen, relative to the features' mean variance. */
  readonly strength: Measured;
}

export interface ProbeRecord {
  readonly metric: string;
  readonly before: ProbePoint;
  readonly after: ProbePoint;
}

/** Mean loss of a masked token, in nats. */
export interface MaskedLmRecord {
  readonly before: Measured;
  readonly after: Measured;
}

/** Of one replica. */
export interface MeasuresRecord {
  readonly drift?: DriftRecord;
  readonly conflict?: ConflictRecord;
  readonly similarity?: SimilarityRecord;
  readonly probe?: ProbeRecord;
  readonly masked_lm?: MaskedLmRecord;
}

export interface MeasureRows {
  /** Of each task's train split, for the gradients. */
  readonly conflict: number;
  /** Of the first task's evaluation split: similarity is measured and probe and head are scored on them. */
  readonly scored: number;
  /** Of the first task's train split, to fit the probe on. */
  readonly probe: number;
  /** Of the held text. */
  readonly masked_lm: number;
}

/** What was measured, on which rows. Of fewer rows than wanted, all. */
export interface MeasuresSettings {
  readonly measures: readonly MeasureName[];
  /** Task to keep and task to learn. */
  readonly tasks: readonly [string, string];
  readonly seed: number;
  /** Of the scored rows. */
  readonly split: string;
  readonly rows: Readonly<Partial<MeasureRows>>;
  /** Masked tokens that the masked-LM loss is the mean of. */
  readonly masked_tokens?: number;
}

/** Of one stage, all replicas. */
export interface StageMeasures {
  readonly settings: MeasuresSettings;
  /** Wall time spent, by measure. */
  readonly seconds: Readonly<Partial<Record<MeasureName, number>>>;
  readonly total_seconds: number;
  readonly replicas: readonly MeasuresRecord[];
}
