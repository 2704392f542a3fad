import { setTimeout as sleep } from 'node:timers/promises';
import { LrdistError } from '../../errors.ts';

export interface RequestOptions {
  readonly method?: 'GET' | 'HEAD';
  /** Sent to the first address's host only, never to where it redirects. */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Follow redirects to other hosts too. Default true; false hands such a redirect back as the response. */
  readonly leaveHost?: boolean;
  /** Longest wait for the head of a response. */
  readonly timeoutMs: number;
  /** Further tries after a failed connection or a passing server error. */
  readonly retries: number;
  /** Wait before the first new try; doubled each time, at most 16 times as long. */
  readonly retryDelayMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The hub cannot be reached (as opposed to: it said no). */
export class Unreachable extends LrdistError {}

/**
 * One request, redirects followed by hand, with a time limit, and repeated where that may help.
 * @throws Unreachable (ERR_HUB) after the last try; any answer with another status is handed back.
 */
export async function request(url: string, options: RequestOptions): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    options.signal?.throwIfAborted();
    let problem: string;
    let cause: unknown;
    try {
      const response = await follow(url, options);
      if (response.status !== 408 && response.status !== 429 && response.status < 500) return response;
      await response.body?.cancel();
      problem = `answered ${response.status}`;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof LrdistError) throw error;
      cause = error;
      problem = describe(error, options.timeoutMs);
    }
    if (attempt >= options.retries) {
      throw new Unreachable('ERR_HUB', `${url}: ${problem}${attempt > 0 ? ` (tried ${attempt + 1} times)` : ''}.`, {
        remedy: 'Check the network and HF_ENDPOINT, try again later, or give a folder with the model.',
        cause,
      });
    }
    await sleep(
      options.retryDelayMs * Math.min(2 ** attempt, 16),
      undefined,
      options.signal === undefined ? {} : { signal: options.signal },
    );
  }
}

async function follow(first: string, options: RequestOptions): Promise<Response> {
  let url = new URL(first);
  const { origin } = url;
  for (let hops = 0; hops < 10; hops++) {
    const headers: Record<string, string> = {
      ...options.headers,
      'accept-encoding': 'identity',
      'user-agent': 'lrdist',
    };
    if (options.token !== undefined && url.origin === origin) headers['authorization'] = `Bearer ${options.token}`;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), options.timeoutMs);
    // The body may take longer, so the time limit is only on the head; the caller's signal is on both.
    const signal = options.signal === undefined ? limit.signal : AbortSignal.any([limit.signal, options.signal]);
    let response: Response;
    try {
      response = await fetch(url, { method: options.method ?? 'GET', headers, redirect: 'manual', signal });
    } finally {
      clearTimeout(timer);
    }
    const location = [301, 302, 303, 307, 308].includes(response.status) ? response.headers.get('location') : null;
    if (location === null) return response;
    const next = new URL(location, url);
    if (next.origin !== origin && options.leaveHost === false) return response;
    if (next.protocol !== 'https:' && next.protocol !== url.protocol) {
      throw new LrdistError('ERR_HUB', `${url.href} redirects to ${next.protocol} instead of https.`, {
        remedy: 'Check HF_ENDPOINT.',
      });
    }
    await response.body?.cancel();
    url = next;
  }
  throw new LrdistError('ERR_HUB', `${first} redirects in a circle.`, { remedy: 'Check HF_ENDPOINT.' });
}

function describe(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = error as Error;
  if (name === 'AbortError') return `no answer within ${timeoutMs / 1000} s`;
  return `not reachable (${cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message})`;
}

/** The error for an answer that says no. */
export function refusal(
  response: Response,
  id: string,
  revision: string,
  endpoint: string,
  hasToken: boolean,
): LrdistError {
  const code = response.headers.get('x-error-code');
  const said = response.headers.get('x-error-message');
  const detail = `${response.status}${said === null ? '' : `: ${said}`}`;
  if (code === 'GatedRepo' || response.status === 403) {
    return new LrdistError('ERR_HUB', `Access to ${id} is refused (${detail}).`, {
      remedy: `Accept its terms at ${endpoint}/${id}, and set HF_TOKEN to a token of that account${hasToken ? ' (the present one may not read it)' : ''}.`,
    });
  }
  if (code === 'RevisionNotFound') {
    return new LrdistError('ERR_MODEL_NOT_FOUND', `${id} has no revision "${revision}" (${detail}).`, {
      remedy: 'Check model_revision; the usual one is main.',
    });
  }
  if (code === 'RepoNotFound' || response.status === 404 || response.status === 401) {
    return new LrdistError(
      'ERR_MODEL_NOT_FOUND',
      `There is no folder ${id}, and no model of that id at ${endpoint} or none that you may read (${detail}).`,
      {
        remedy: `Check the name. ${hasToken ? 'If the model is private, check that HF_TOKEN is valid and may read it.' : 'If the model is private, set HF_TOKEN.'}`,
      },
    );
  }
  return new LrdistError('ERR_HUB', `${endpoint} did not answer as expected for ${id} (${detail}).`, {
    remedy: 'Check HF_ENDPOINT, or give a folder with the model.',
  });
}
