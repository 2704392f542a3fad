/**
 * Whether weight decay applies to a parameter, as Hugging Face's Trainer decides it: not to biases, not to LayerNorm.
 * Names with the old `gamma` and `beta` are LayerNorm's too.
 */
export function hasWeightDecay(parameterName: string): boolean {
  return !/(^|\.)bias$|(^|[._])layer_?norm\.(weight|bias|gamma|beta)$/i.test(parameterName);
}
