export { LrdistError, errorCodes, isLrdistError, type ErrorCode } from './errors.ts';

export { openModel } from './train/open.ts';
export { fineTune, type FineTuneOptions, type FineTuneResult, type FineTuning } from './train/fine-tune.ts';
export { trainingArguments, type TrainingArguments, type TrainingArgumentsInput } from './train/arguments.ts';
export { loadTask, openTaskTokenizer, type LoadedTask, type LoadTaskOptions } from './train/load-task.ts';
export { latestCheckpoint, openCheckpoint, type Checkpoint } from './train/checkpoint.ts';
export type {
  EvaluateOptions,
  HeadOptions,
  Model,
  ModelOptions,
  ModelParameter,
  Operation,
  SaveOptions,
  Scores,
} from './train/model.ts';
export type { LoadedReport, ModelConfig } from './train/hf.ts';
export type { Boundary, OptimizerOptions, TrainOptions } from './train/options.ts';
export { Profile, type ProfileOptions } from './train/profile.ts';
export type { ProfileReport } from './train/profile-report.ts';
export type { GroupRow, Run, RunResult, TrainEvent } from './train/run.ts';
export type { EncodedSplit, Task } from './train/task.ts';

export { flat, withBase, type Provenance, type RateDistribution, type Rates } from './rates/distribution.ts';
export { depthGroups, layerGroups } from './rates/depth.ts';
export { forLayers } from './rates/convert.ts';
export { convert, type Converted, type ConvertOptions } from './rates/regroup.ts';
export { difference, sharedGroups, type Difference, type SharedGroup } from './rates/compare.ts';
export type { LogError } from './rates/log-error.ts';
export { parseGrouping, readGroups, withPooler, type Grouping } from './rates/groupings.ts';
export {
  createParametrisation,
  decodeDistribution,
  encodeWithin,
  layoutOf,
  parametrisations,
} from './rates/parametrisations/index.ts';
export { learningLayout, withFrozen } from './rates/parametrisations/frozen.ts';
export { scaledRates } from './rates/parametrisations/multipliers.ts';
export type { Encoded, Layout, Parameter, Parametrisation } from './rates/parametrisations/parametrisation.ts';
export type { Phase } from './rates/phases.ts';
export { unfreezeGradually } from './rates/unfreezing.ts';
export { toPython, type PythonOptions } from './rates/export/python.ts';
export { toTypeScript } from './rates/export/typescript.ts';
export { renderSvg } from './rates/svg.ts';
export { assign, type GroupSpec } from './rates/groups.ts';
export { findPreset, fromPreset, presetFamilies, presets, type Preset, type PresetFamily } from './rates/presets.ts';
export { loadRates, parseRates, resolveRates, type RateSpec } from './rates/parse.ts';
export { fromDocument, readRatesFile, toDocument, writeRatesFile, type RatesDocument } from './rates/file.ts';
export {
  factors,
  schedule,
  scheduleNames,
  type Schedule,
  type ScheduleName,
  type ScheduleOptions,
} from './rates/schedule.ts';

export {
  combineTrials,
  leaveOnePairOut,
  type Combination,
  type LeftOut,
  type PairCombination,
  type ScoredTrial,
} from './rates/combine.ts';
export { combineTables, type CombinedTables, type CombineOptions } from './rates/combine/tables.ts';
export { renderCombinedSvg } from './rates/combine/svg.ts';
export {
  formatTrialTable,
  parseTrialTable,
  readTrialTable,
  writeTrialTable,
  type TrialRow,
  type TrialTable,
} from './rates/trial-table.ts';

export { loadStudy, openStudy, type HoldOptions, type StudyOptions } from './search/open-study.ts';
export type { AskedTrial, Study, TrialOf } from './search/study.ts';
export { optimize, type OptimizeOptions } from './search/optimize.ts';
export type { SearchEvent } from './search/events.ts';
export type { Direction, ParametersOf, Space } from './search/space.ts';
export type { Trial, TrialReport, TrialState } from './search/trial.ts';
export type { Sampler, SampleRequest } from './search/sampler.ts';
export type { Pruner, PruneRequest } from './search/pruner.ts';
export { createSampler, samplerNames } from './search/samplers/create.ts';
export { createPruner, prunerNames } from './search/pruners/create.ts';
export type { BatchContext, BatchObjective, Executor, Job, JobReport, JobResult } from './search/executor.ts';
export { inProcessExecutor, type InProcessOptions } from './search/executors/in-process.ts';
export { childProcessExecutor, type ChildProcessOptions } from './search/executors/child-process.ts';
export { plainObjective, type Objective } from './search/executors/objective.ts';
export { simulatedExecutor, type Curve, type SimulatedOptions } from './search/executors/simulated.ts';
export { recordedCurves } from './search/executors/recorded.ts';
export { chooseBest, keepsShare, paretoFront, scoresBySeed, type Choice, type Finalist } from './search/best.ts';
export { parameterImportance, type Importance } from './search/importance.ts';
export { openStorage } from './search/storage/open.ts';
export { exportOptuna } from './search/storage/optuna-export.ts';
export { importOptuna } from './search/storage/optuna-import.ts';
export { withTransfer, type TransferOptions } from './search/samplers/warm-start.ts';
export type { Storage, StoredStudy } from './search/storage/storage.ts';
export { searchPair, type PairSearch, type PairSearchOptions } from './pair-search/search.ts';
export { pairSpec, type PairSpec, type PairSpecInput } from './pair-search/spec.ts';
export { rateSpace, type RateSpace, type RateSpaceOptions } from './pair-search/rate-space.ts';
export { repeatFinalists, type Final, type FinalistOptions } from './pair-search/finalists.ts';
export { trialTable } from './pair-search/trial-table.ts';

export { taskShift } from './forgetting/shift.ts';
export type { ShiftEvent } from './forgetting/events.ts';
export type { ShiftMode, ShiftOptions } from './forgetting/options.ts';
export type { ShiftRecord } from './report/shift-record.ts';
export { taskSequence, type SequenceRun } from './forgetting/sequence.ts';
export type { SequenceEvent } from './forgetting/sequence-events.ts';
export type { SequenceOptions } from './forgetting/sequence-options.ts';
export type { SequenceRecord, SequenceScoreName } from './report/sequence-record.ts';
export {
  parsePenalties,
  parsePenalty,
  penaltyKinds,
  type Penalty,
  type StagedPenalty,
} from './forgetting/penalties.ts';
export { byLength } from './forgetting/shifts/by-length.ts';
export { byEmbedding } from './forgetting/shifts/by-embedding.ts';
export type { Anchor, Regularizer } from './train/regularizers.ts';
export type { RowSource, SideRows } from './train/sources.ts';
export {
  encodeText,
  maskedLmLoss,
  maskingOf,
  measureAfter,
  measureBefore,
  measureRowsFor,
  planMeasures,
  readParagraphs,
  retrainHead,
  type HeldText,
  type MeasureOptions,
  type MeasurePlan,
  type RetrainOptions,
  type RetrainResult,
  type TextOptions,
  type MeasureAfter,
  type MeasureBefore,
  type StageMeasurement,
} from './forgetting/measure/index.ts';
export type { MeasureName, MeasureRows, MeasuresRecord, StageMeasures } from './report/measures-record.ts';

export { glueNames, glueTask, glueTasks, type GlueName, type GlueTask } from './data/glue.ts';
export { loadGlue } from './data/load.ts';
export { loadOwnFiles, type OwnData, type OwnFiles, type OwnFilesOptions } from './data/own.ts';
export type { Row, Rows, RowShape } from './data/rows.ts';
export { encodeRows, type EncodeOptions, type RaggedDataset } from './data/dataset.ts';
export { openTokenizer, type Tokenizer, type TokenizerOptions } from './data/tokenizer.ts';
export { holdOut, type HeldOut, type HoldOutOptions } from './data/splits.ts';
export { resolveModel, type HubOptions } from './data/hub.ts';
export { chanceNormalised, computeMetrics, predictionsOf } from './metrics/glue.ts';
export type { MetricName } from './metrics/names.ts';

export type { Matmul, NativeMasking } from './native/boundary.ts';
