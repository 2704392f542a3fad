/** How near the engine has to come to transformers. The fixtures are float64 results, so these are the engine's own rounding. */
export const tolerances = {
  /** Largest absolute difference of a logit. */
  logits: 1e-5,
  /** Absolute difference of a loss. */
  loss: 1e-6,
  /** Largest difference within a gradient, relative to its largest value; a tensor that is tiny beside the model's largest gradient is measured by that. */
  gradient: { ofTensor: 1e-4, tinyBesideModel: 1e-6 },
  /** Relative difference of each loss of a training run. */
  trajectory: 1e-5,
  /** Relative difference of each gradient norm of a training run. */
  gradNorm: 1e-4,
  /** Two ways of computing the same step, relative to a gradient's largest value. */
  sameStep: 1e-5,
  /** Directional derivative against central differences in float32, relative. */
  finiteDifference: 5e-4,
  /** bfloat16 against fp32: each loss, and a tensor's gradient by its norm, both relative. */
  bf16: { loss: 1e-3, gradient: 0.02 },
  /** Logits of real checkpoints, absolute. */
  realLogits: 2e-5,
} as const;

export const regenerate =
  'If the engine is right and transformers changed, make the fixtures again: python3 test/parity/make_fixtures.py';
