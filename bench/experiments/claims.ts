/**
 * Claims and completions of trials a second, by 8 processes at once, in every kind of storage that processes share; and whether any trial was claimed twice.
 *
 *   node bench/experiments/claims.ts [--trials 10000] [--journal-trials 1000] [--workers 8] [--only sqlite,postgres,journal] [--dry-run]
 *
 * All storages sync every commit to the disk. PostgreSQL is started for the purpose, if it is installed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { openStorage } from '../../lib/search/storage/open.ts';
import { findPostgres, startPostgres } from '../../test/helpers/postgres.ts';
import { saveResult } from '../lib/results.ts';

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '10000' },
    'journal-trials': { type: 'string', default: '1000' },
    workers: { type: 'string', default: '8' },
    only: { type: 'string', default: 'sqlite,postgres,journal' },
    'dry-run': { type: 'boolean', default: false },
  },
});

/** What a worker prints at its end. */
export interface WorkerResult {
  readonly finished: readonly number[];
  /** Milliseconds of every claim with its completion. */
  readonly latencies: readonly number[];
}

interface Measured {
  readonly trials: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly medianMilliseconds: number;
  readonly p99Milliseconds: number;
  readonly slowestMilliseconds: number;
  readonly trialsByWorker: readonly number[];
  /** Of the machine over the last minute, at the end: our own 8 processes and whatever else ran. */
  readonly load: number;
}

async function measure(address: string, trials: number, workers: number): Promise<Measured> {
  const storage = await openStorage(address);
  const study = await storage.createStudy({
    name: 'claims',
    directions: ['maximize'],
    objectives: ['score'],
    space: { x: { kind: 'float', low: 0, high: 1 } },
    seed: 1,
    maxStep: 1,
    protocol: {},
  });
  for (let added = 0; added < trials; added += 1000)
    await storage.locked(study.id, ({ add }) =>
      add(
        Array.from({ length: Math.min(1000, trials - added) }, (_, i) => ({
          parameters: { x: (added + i) / trials },
          origin: 'sampled' as const,
        })),
      ),
    );
  const children = await Promise.all(Array.from({ length: workers }, () => start(address, study.id)));
  const begin = performance.now();
  const results = await Promise.all(children.map((child) => child.run()));
  const seconds = (performance.now() - begin) / 1000;
  const finished = results.flatMap((result) => result.finished);
  const stored = await storage.trials(study.id);
  await storage.close();
  const wrong = stored.filter(
    ({ state, attempt, values: scores }, i) => state !== 'complete' || attempt !== 1 || scores?.[0] !== i,
  );
  const latencies = results.flatMap((result) => result.latencies).sort((a, b) => a - b);
  return {
    trials,
    seconds,
    perSecond: trials / seconds,
    duplicates: finished.length - new Set(finished).size,
    missing: trials - new Set(finished).size + wrong.length,
    medianMilliseconds: latencies[Math.floor(latencies.length / 2)]!,
    p99Milliseconds: latencies[Math.floor(latencies.length * 0.99)]!,
    slowestMilliseconds: latencies.at(-1)!,
    trialsByWorker: results.map((result) => result.finished.length),
    load: loadavg()[0]!,
  };
}

/** Starts a worker and waits until it has opened the storage. */
async function start(address: string, study: number): Promise<{ run(): Promise<WorkerResult> }> {
  const script = join(import.meta.dirname, 'claims-worker.ts');
  const child = spawn(process.execPath, [script, address, String(study)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  return {
    run: async () => {
      child.stdin.end('go\n');
      const { value } = await lines.next();
      if (child.exitCode === null) await once(child, 'exit');
      return JSON.parse(value as string) as WorkerResult;
    },
  };
}

async function main(): Promise<void> {
  const workers = Number(values.workers);
  const folder = mkdtempSync(join(tmpdir(), 'lrdist-claims-'));
  const measured: Record<string, Measured> = {};
  for (const kind of values.only.split(',')) {
    const trials = Number(kind === 'journal' ? values['journal-trials'] : values.trials);
    if (kind === 'postgres' && findPostgres() === undefined) {
      console.error('PostgreSQL is not installed: not measured');
      continue;
    }
    const server = kind === 'postgres' ? await startPostgres({ durable: true }) : undefined;
    const address = (await server?.database('claims')) ?? join(folder, kind === 'journal' ? 'claims.log' : 'claims.db');
    measured[kind] = await measure(address, trials, workers);
    await server?.stop();
    console.error(kind, measured[kind]);
  }
  rmSync(folder, { recursive: true });
  if (values['dry-run']) return;
  const rates = Object.entries(measured).map(([kind, { perSecond }]) => `${kind} ${perSecond.toFixed(0)}`);
  const duplicates = Object.values(measured).reduce((sum, result) => sum + result.duplicates + result.missing, 0);
  const path = saveResult('claims', {
    headline: `trials claimed and finished a second by ${workers} processes, every commit synced: ${rates.join(', ')}; ${duplicates} claimed twice or lost`,
    commands: { all: `node bench/experiments/claims.ts ${process.argv.slice(2).join(' ')}`.trimEnd() },
    seeds: [],
    workers,
    measured,
  });
  console.log(path);
}

await main();
