import type { Job, JobResult } from '../executor.ts';

/** What went wrong, in a line or more, for a trial's record. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  return code !== undefined ? `${code}: ${error.message}` : error.message || error.name;
}

export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

export function failedResults(jobs: readonly Job[], error: string): JobResult[] {
  return jobs.map((job) => ({ job, state: 'failed', error }));
}
