/** What a search found: for the screen, as JSON, and as files. */
import { join } from 'node:path';
import { trialDistribution } from '../../pair-search/trial-distribution.ts';
import { trialTable } from '../../pair-search/trial-table.ts';
import { writeRatesFile } from '../../rates/file.ts';
import { shortRate } from '../../rates/table.ts';
import { writeTrialTable } from '../../rates/trial-table.ts';
import type { StoredStudy } from '../../search/storage/storage.ts';
import type { Trial } from '../../search/trial.ts';
import { requireWritable, writeJson } from '../../train/files.ts';
import { packageVersion } from '../help.ts';
import type { Final } from '../../pair-search/finalists.ts';
import { chosenTrial, finalsText } from './finals.ts';
import { countStates, countsText, isFlat, ranked } from '../study/ranking.ts';
import { ratesOf, score, trialsText } from '../study/trials-text.ts';

/** Trials that the table at the end shows. */
const shown = 10;

export interface FinishedStudy {
  readonly study: StoredStudy;
  readonly trials: readonly Trial[];
  readonly ended: 'trials' | 'timeout';
  /** Where it is, as it may be shown. */
  readonly storage: string;
  readonly seconds: number;
  /** The best once more, under other seeds. */
  readonly final?: Final | undefined;
}

/** `search.json`, and what --json prints. */
export function searchRecord({ study, trials, ended, storage, seconds, final }: FinishedStudy) {
  const order = ranked(study, trials);
  const record = (trial: Trial | undefined) => (trial === undefined ? null : trialRecord(study, trial));
  return {
    format: 'lrdist-search/1',
    study: study.name,
    storage,
    ended,
    seconds,
    trials: countStates(trials),
    objectives: study.objectives,
    best: record(order[0]),
    best_flat: record(order.find(isFlat)),
    ...(final === undefined ? {} : { finals: final, chosen: record(chosenTrial(study, trials, final)) }),
    space: study.space,
    seed: study.seed,
    protocol: study.protocol,
    versions: { lrdist: packageVersion(), node: process.version },
  };
}

export function trialRecord(study: StoredStudy, { number, state, values, attributes, parameters, origin }: Trial) {
  return {
    trial: number,
    state,
    origin,
    values: values === null ? null : Object.fromEntries(study.objectives.map((name, i) => [name, values[i]!])),
    parameters,
    ...attributes,
  };
}

/** The best trials, and the best flat one to compare with. */
export function searchText({ study, trials, storage, final }: FinishedStudy): string {
  const order = ranked(study, trials);
  const lines = [`${study.name}: ${countsText(countStates(trials))}`];
  if (order.length === 0) lines.push('no trial ended well: see lrdist study show for their errors');
  else lines.push('', trialsText(study, withFlat(order)), '', comparison(study, order), '');
  if (final !== undefined) lines.push(finalsText(study, trials, final), '');
  lines.push(`The study "${study.name}" is in ${storage}`);
  return lines.join('\n');
}

function withFlat(order: readonly Trial[]): readonly Trial[] {
  const flat = order.find(isFlat);
  const best = order.slice(0, shown);
  return flat === undefined || best.includes(flat) ? best : [...best, flat];
}

function comparison(study: StoredStudy, order: readonly Trial[]): string {
  const [best, flat] = [order[0]!, order.find(isFlat)];
  if (flat === undefined) return 'No flat rate was tried.';
  if (flat === best) return `The best is flat: trial ${best.number}, rate ${rateText(study, best)}.`;
  const gains = study.objectives.map((name, i) => {
    const gain = best.values![i]! - flat.values![i]!;
    return `${gain >= 0 ? '+' : ''}${score(gain)} points of ${name}`;
  });
  return `Trial ${best.number} against the best flat rate (trial ${flat.number}, ${rateText(study, flat)}): ${gains.join(', ')}, on the rows they were chosen by.`;
}

function rateText(study: StoredStudy, trial: Trial): string {
  return shortRate(Math.max(...(ratesOf(study, trial) ?? [])));
}

/** trials.csv, best.rates.json and search.json. @returns the paths */
export async function writeResults(folder: string, finished: FinishedStudy): Promise<readonly string[]> {
  const { study, trials, final } = finished;
  await requireWritable(folder);
  const paths = [join(folder, 'trials.csv'), join(folder, 'search.json')];
  await writeTrialTable(paths[0]!, trialTable(study, trials));
  await writeJson(paths[1]!, searchRecord(finished));
  const best = chosenTrial(study, trials, final);
  if (best === undefined) return paths;
  const rates = join(folder, 'best.rates.json');
  const distribution = trialDistribution(study, best);
  const provenance = final === undefined ? {} : { finals: final };
  await writeRatesFile(rates, { ...distribution, provenance: { ...distribution.provenance, ...provenance } });
  return [...paths, rates];
}
