import type { Job, JobResult } from '../executor.ts';

/** What went wrong, in a line or more, for a trial's record. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? `${code}: ${error.message}` : error.message || error.name;
}

export function failedResults(jobs: readonly Job[], error: string): JobResult[] {
  return jobs.map((job) => ({ job, state: 'failed', error }));
}
