import { interval, type Interval } from '../../lib/statistics.ts';

/** One study's end. */
export interface Run {
  readonly problem: string;
  readonly sampler: string;
  readonly side: 'ours' | 'peer' | 'random';
  readonly batch: number;
  readonly seed: number;
  readonly regret: number;
  readonly askSeconds: number;
}

export interface Comparison {
  readonly sampler: string;
  readonly batch: number;
  /** A function, or `all`: their mean. */
  readonly problem: string;
  /** Mean normalised regret: 1 is what random search reaches with as many trials. */
  readonly ours: number;
  readonly peer: number;
  /** Ours less the peer's, paired by seed. */
  readonly difference: Interval;
  /** The interval's ends as shares of the peer's mean. */
  readonly relative: { readonly mean: number; readonly low: number; readonly high: number };
  /** Decades of regret, ours less the peer's (geometric means). */
  readonly decades: Interval;
}

export function compare(
  runs: readonly Run[],
  sampler: string,
  batch: number,
  problems: readonly string[],
): Comparison[] {
  const rows = problems.map((problem) => normalised(runs, sampler, batch, problem));
  const seeds = rows[0]!.map(({ seed }) => seed);
  const all = seeds.map((seed) => {
    const own = rows.flatMap((row) => row.filter((pair) => pair.seed === seed));
    return {
      seed,
      ours: mean(own.map(({ ours }) => ours)),
      peer: mean(own.map(({ peer }) => peer)),
      decades: mean(own.map(({ decades }) => decades)),
    };
  });
  return [...problems.map((problem, i) => ({ problem, pairs: rows[i]! })), { problem: 'all', pairs: all }].map(
    ({ problem, pairs }) => comparison(sampler, batch, problem, pairs),
  );
}

interface Pair {
  readonly seed: number;
  readonly ours: number;
  readonly peer: number;
  readonly decades: number;
}

function normalised(runs: readonly Run[], sampler: string, batch: number, problem: string): readonly Pair[] {
  const random = runs.filter((run) => run.problem === problem && run.side === 'random');
  const unit = mean(random.map(({ regret }) => regret));
  const own = runs.filter((run) => run.problem === problem && run.sampler === sampler && run.batch === batch);
  return own
    .filter(({ side }) => side === 'ours')
    .flatMap((ours) => {
      const peer = own.find((run) => run.side === 'peer' && run.seed === ours.seed);
      if (peer === undefined) return [];
      // Below a millionth of random search's regret nobody can tell a difference.
      const [a, b] = [ours.regret / unit, peer.regret / unit].map((v) => Math.log10(Math.max(v, 1e-6)));
      return [{ seed: ours.seed, ours: ours.regret / unit, peer: peer.regret / unit, decades: a! - b! }];
    });
}

function comparison(sampler: string, batch: number, problem: string, pairs: readonly Pair[]): Comparison {
  const peer = mean(pairs.map((pair) => pair.peer));
  const difference = interval(pairs.map((pair) => pair.ours - pair.peer));
  return {
    sampler,
    batch,
    problem,
    ours: mean(pairs.map((pair) => pair.ours)),
    peer,
    difference,
    relative: { mean: difference.mean / peer, low: difference.low / peer, high: difference.high / peer },
    decades: interval(pairs.map((pair) => pair.decades)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}
