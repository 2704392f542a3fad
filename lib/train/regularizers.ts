/** Pulls and transforms of a run, and what the engine gets of them. */
import { LrdistError } from '../errors.ts';
import type { NativePenalty, NativePlan, NativeTransform } from '../native/boundary.ts';
import { compilePattern } from '../rates/patterns.ts';
import type { ModelParameter } from './model.ts';

/** Weights to be pulled to: those that the run starts from, or a slot of the session. */
export type Anchor = 'start' | number;

/** What acts on one replica beside its loss. The formulas are at NativePenalty and NativeTransform; `fisher` is a slot of the session. */
export type Regularizer =
  | { readonly kind: 'none' }
  | { readonly kind: 'l2-sp'; readonly anchor: Anchor; readonly strength: number; readonly headStrength: number }
  | { readonly kind: 'ewc'; readonly anchor: Anchor; readonly fisher: number; readonly strength: number }
  | {
      readonly kind: 'recadam';
      readonly anchor: Anchor;
      readonly strength: number;
      readonly slope: number;
      readonly midpoint: number;
    }
  | { readonly kind: 'mixout'; readonly anchor: Anchor; readonly probability: number }
  | { readonly kind: 'child-f'; readonly probability: number }
  | { readonly kind: 'child-d'; readonly fisher: number; readonly probability: number };

/** One for each replica, with the tensors that they act on. */
export interface Regularization {
  readonly list: readonly Regularizer[];
  /** [P] 1 = anchored. */
  readonly anchored: Uint8Array;
  /** Whether the weights at the run's start must be kept. */
  readonly needsStart: boolean;
}

/** The body: what every task shares. */
const defaultAnchored = ['bert.*'];

/** undefined where nothing acts on any replica. @throws ERR_INVALID_OPTION */
export function resolveRegularizers(
  given: Regularizer | readonly Regularizer[] | undefined,
  anchored: readonly string[] = defaultAnchored,
  context: { readonly replicas: number; readonly parameters: readonly ModelParameter[] },
): Regularization | undefined {
  if (given === undefined) return undefined;
  const list = isList(given) ? given : new Array<Regularizer>(context.replicas).fill(given);
  if (list.length !== context.replicas)
    throw new LrdistError(
      'ERR_INVALID_OPTION',
      `regularizers: expected one, or one for each of the ${context.replicas} replicas, received ${list.length}`,
    );
  if (list.every(({ kind }) => kind === 'none')) return undefined;
  const tests = anchored.map(compilePattern);
  return {
    list,
    anchored: Uint8Array.from(context.parameters, ({ name }) => Number(tests.some((test) => test(name)))),
    needsStart: list.some((each) => 'anchor' in each && each.anchor === 'start'),
  };
}

function isList(given: Regularizer | readonly Regularizer[]): given is readonly Regularizer[] {
  return Array.isArray(given);
}

/** The engine's part of the plan. `start`: the slot with the weights at the run's start. */
export function nativeRegularizers(
  { list, anchored }: Regularization,
  start: number | undefined,
): Pick<NativePlan, 'penalties' | 'transforms' | 'anchored'> {
  const slotOf = (anchor: Anchor): number => (anchor === 'start' ? start! : anchor);
  const none = { kind: 'none' } as const;
  const penalties = list.map((each): NativePenalty => {
    switch (each.kind) {
      case 'l2-sp':
      case 'ewc':
      case 'recadam':
        return { ...each, anchor: slotOf(each.anchor) };
      default:
        return none;
    }
  });
  const transforms = list.map((each): NativeTransform => {
    switch (each.kind) {
      case 'mixout':
        return { ...each, anchor: slotOf(each.anchor) };
      case 'child-f':
      case 'child-d':
        return each;
      default:
        return none;
    }
  });
  const some = (all: readonly { readonly kind: string }[]): boolean => all.some(({ kind }) => kind !== 'none');
  return {
    anchored,
    ...(some(penalties) ? { penalties } : {}),
    ...(some(transforms) ? { transforms } : {}),
  };
}

/** Kinds and numbers, for records and checkpoints; slots are the session's own business. */
export function describeRegularizers(regularization: Regularization | undefined): string {
  if (regularization === undefined) return 'none';
  return regularization.list
    .map((each) =>
      Object.entries(each)
        .map(([key, value]) =>
          key === 'fisher' || (key === 'anchor' && value !== 'start')
            ? `${key} slot`
            : key === 'kind'
              ? String(value)
              : `${key} ${value}`,
        )
        .join(' '),
    )
    .join('; ');
}
