/**
 * Searches whose workers, children and database connections are killed at random, again and again; afterwards no finished trial may be lost, none recorded twice, none stuck, and a lockstep study must be the
 * one that it would have been undisturbed.
 *
 *   node bench/experiments/kill-search.ts [--kills 200] [--trials 64] [--workers 2] [--storage sqlite,postgres] [--seed 1]
 *
 * PostgreSQL is started for this alone; without its programs on PATH leave it out. Writes bench/results/kill-search-*.json.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../../test/helpers/postgres.ts';
import { saveResult } from '../lib/results.ts';
import { type AttemptResult, survive } from './kill-search/attempt.ts';
import type { Victim } from './kill-search/killing.ts';
import { batchSize, lease, maxStep, slots } from './kill-search/setting.ts';

const { values } = parseArgs({
  options: {
    /** In all: the same for each storage and mode. */
    kills: { type: 'string', default: '200' },
    trials: { type: 'string', default: '64' },
    workers: { type: 'string', default: '2' },
    storage: { type: 'string', default: 'sqlite,postgres' },
    mode: { type: 'string', default: 'lockstep,async' },
    /** Mean milliseconds between kills. */
    pause: { type: 'string', default: '600' },
    seed: { type: 'string', default: '1' },
    'dry-run': { type: 'boolean', default: false },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'lrdist-kill-'));
const [kills, trials, workers, pause, seed] = (
  [values.kills, values.trials, values.workers, values.pause, values.seed] as const
).map(Number) as [number, number, number, number, number];
const command = `node bench/experiments/kill-search.ts ${process.argv
  .slice(2)
  .filter((word) => word !== '--dry-run')
  .join(' ')}`.trim();

type Mode = 'lockstep' | 'async';
const share = Math.ceil(kills / (values.storage.split(',').length * values.mode.split(',').length));
const rows: ({ storage: string; mode: Mode; studies: number } & AttemptResult)[] = [];
try {
  for (const storage of values.storage.split(',')) {
    const server = storage === 'postgres' ? await startPostgres() : undefined;
    try {
      const address = server ? await server.database('kills') : join(folder, 'kills.db');
      const victims: Victim[] = server ? ['worker', 'child', 'connection'] : ['worker', 'child'];
      const breakConnections = server && (() => server.breakConnections());
      for (const mode of values.mode.split(',') as Mode[])
        rows.push(await manyStudies(storage, mode, address, victims, breakConnections));
    } finally {
      await server?.stop();
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const total = rows.reduce((sum, row) => sum + Object.values(row.kills).reduce((a, b) => a + b, 0), 0);
const tried = rows.reduce((sum, row) => sum + row.trials, 0);
if (!values['dry-run'])
  saveResult('kill-search', {
    headline: `${total} kills in ${rows.length} searches of ${tried} trials in all: none lost, none recorded twice, none stuck; lockstep as undisturbed`,
    commands: { lrdist: command },
    seeds: [seed],
    workers,
    batchSize,
    slots,
    maxStep,
    leaseMilliseconds: lease,
    pauseMilliseconds: pause,
    rows,
  });

/** Studies one after the other until there were enough kills. */
async function manyStudies(
  storage: string,
  mode: Mode,
  address: string,
  victims: readonly Victim[],
  breakConnections: (() => Promise<void>) | undefined,
) {
  const sum = {
    storage,
    mode,
    studies: 0,
    kills: { worker: 0, child: 0, connection: 0 },
    seconds: 0,
    repeated: 0,
    trials: 0,
  };
  const killed = () => Object.values(sum.kills).reduce((a, b) => a + b, 0);
  while (killed() < share) {
    const result = await survive({
      storage: address,
      name: `${mode}-${sum.studies}`,
      mode,
      trials,
      log: join(folder, `${storage}-${mode}.log`),
      workers,
      kills: share - killed(),
      seed: seed + sum.studies,
      pause,
      victims,
      ...(breakConnections ? { breakConnections } : {}),
    });
    sum.studies++;
    for (const victim of victims) sum.kills[victim] += result.kills[victim];
    sum.seconds += result.seconds;
    sum.repeated += result.repeated;
    sum.trials += result.trials;
    console.error(`${storage} ${mode}: ${sum.studies} studies, ${killed()} kills, ${sum.repeated} trials run again`);
  }
  return sum;
}
