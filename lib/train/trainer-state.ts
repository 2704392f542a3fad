/** Hugging Face's trainer_state.json. Only its own keys: `TrainerState(**json)` refuses others. */

/** `{ loss, grad_norm, learning_rate, epoch, step }` or `{ eval_..., epoch, step }`. */
export type LogEntry = Readonly<Record<string, number>>;

export interface Best {
  readonly metric: number;
  readonly step: number;
  /** Its checkpoint; undefined where none was saved. */
  readonly folder: string | undefined;
}

export interface TrainerStateParts {
  readonly step: number;
  readonly total: number;
  /** Rows of a batch; under a token budget, their mean. */
  readonly batchSize: number;
  readonly epoch: number;
  /** Epochs the run begins. */
  readonly epochs: number;
  readonly best: Best | undefined;
  readonly history: readonly LogEntry[];
  readonly flos: number;
  readonly evalSteps: number;
  readonly loggingSteps: number;
  readonly saveSteps: number;
}

export function trainerState(parts: TrainerStateParts): Readonly<Record<string, unknown>> {
  const { best } = parts;
  return {
    best_global_step: best?.step ?? null,
    best_metric: best?.metric ?? null,
    best_model_checkpoint: best?.folder ?? null,
    epoch: parts.epoch,
    eval_steps: parts.evalSteps,
    global_step: parts.step,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: parts.history,
    logging_steps: parts.loggingSteps,
    max_steps: parts.total,
    num_input_tokens_seen: 0,
    num_train_epochs: parts.epochs,
    save_steps: parts.saveSteps,
    stateful_callbacks: {},
    total_flos: parts.flos,
    train_batch_size: parts.batchSize,
    trial_name: null,
    trial_params: null,
  };
}
