/** Which arguments decide each part of a stage's training: where a command line is silent, published habits may hold. */
export const decides: Readonly<Record<string, readonly string[]>> = {
  epochs: ['num_train_epochs'],
  maxSteps: ['max_steps'],
  batchSize: ['per_device_train_batch_size'],
  batchTokens: ['batch_tokens'],
  samplingStrategy: ['train_sampling_strategy', 'group_by_length'],
  gradientAccumulationSteps: ['gradient_accumulation_steps'],
  schedule: ['lr_scheduler_type', 'lr_scheduler_kwargs', 'warmup_ratio', 'warmup_steps'],
  optimizer: ['optim', 'adam_beta1', 'adam_beta2', 'adam_epsilon'],
  weightDecay: ['weight_decay'],
  clipNorm: ['max_grad_norm'],
  labelSmoothing: ['label_smoothing_factor'],
  frozenDropout: ['frozen_dropout'],
};
