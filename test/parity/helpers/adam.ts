/** Adam and AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019) in double precision, one step, written from the papers. */
import type { Values } from './tiny.ts';

export type Doubles = Map<string, Float64Array>;

export function doubles(values: Values): Doubles {
  return new Map([...values].map(([name, v]) => [name, Float64Array.from(v)]));
}

export interface AdamState {
  readonly weights: Doubles;
  readonly first: Doubles;
  readonly second: Doubles;
  step: number;
}

export function adamState(weights: Values): AdamState {
  const zeros = () => new Map([...weights].map(([name, v]) => [name, new Float64Array(v.length)]));
  return { weights: doubles(weights), first: zeros(), second: zeros(), step: 0 };
}

export interface AdamStep {
  readonly name: 'adam' | 'adamw';
  readonly rate: number;
  readonly decay: number;
  /** RecAdam's share of Adam's update, and its pull after it. */
  readonly after?: (name: string) => { share: number; pull: number; anchor: Float64Array } | undefined;
}

/** The gradients are those after clipping. Tensors without one (no entry) stay as they are. */
export function adamStep(state: AdamState, gradients: Doubles, { name: kind, rate, decay, after }: AdamStep): void {
  state.step++;
  const [beta1, beta2, eps] = [0.9, 0.999, 1e-8];
  for (const [name, gradient] of gradients) {
    const w = state.weights.get(name)!;
    const m = state.first.get(name)!;
    const v = state.second.get(name)!;
    const rec = after?.(name);
    for (let i = 0; i < w.length; i++) {
      const g = kind === 'adam' ? gradient[i]! + decay * w[i]! : gradient[i]!;
      if (kind === 'adamw') w[i]! *= 1 - rate * decay;
      m[i] = beta1 * m[i]! + (1 - beta1) * g;
      v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
      const mean = m[i]! / (1 - beta1 ** state.step);
      const deviation = Math.sqrt(v[i]! / (1 - beta2 ** state.step));
      w[i]! -= ((rec?.share ?? 1) * rate * mean) / (deviation + eps);
      if (rec) w[i]! -= rec.pull * (w[i]! - rec.anchor[i]!);
    }
  }
}
