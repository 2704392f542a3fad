import type { Direction } from '../../space.ts';
import { isFinished, type Trial } from '../../trial.ts';
import type { UnitCube } from '../../unit-cube.ts';
import { rankTrials } from '../ranking.ts';
import { nextState } from './generation.ts';
import { firstState, type State } from './state.ts';
import type { Distribution } from './start.ts';

/** The state after all generations that are finished: `size` sampled trials each, by number. */
export function replay(
  trials: readonly Trial[],
  directions: readonly Direction[],
  cube: UnitCube,
  start: Distribution,
  size: number,
): State {
  const own = trials.filter(
    ({ origin, state, parameters }) => origin === 'sampled' && state !== 'failed' && cube.contains(parameters),
  );
  let state = firstState(start);
  for (let first = 0; first + size <= own.length; first += size) {
    const generation = own.slice(first, first + size);
    if (!generation.every(isFinished)) break;
    const ranked = rankTrials(generation, directions).flat();
    state = nextState(
      state,
      ranked.map(({ trial }) => cube.toPoint(trial.parameters).unit),
    );
  }
  return state;
}
