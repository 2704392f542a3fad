import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { env } from '../../env.ts';

/** Where the hub and its cache are, by Hugging Face's environment variables. */
export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly cache: string;
  readonly token: string | undefined;
  readonly offline: boolean;
}

export async function hubSettings(): Promise<HubSettings> {
  const home = env('HF_HOME') ?? join(env('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface');
  return {
    endpoint: (env('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, ''),
    cache: env('HF_HUB_CACHE') ?? join(home, 'hub'),
    token: env('HF_TOKEN')?.trim() ?? (await tokenFile(env('HF_TOKEN_PATH') ?? join(home, 'token'))),
    offline: /^(1|on|yes|true)$/i.test(env('HF_HUB_OFFLINE') ?? ''),
  };
}

async function tokenFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim() || undefined;
  } catch {
    // No file, no token: public models need none.
    return undefined;
  }
}

/** Whether a name can be a model's id on the hub: `name` or `owner/name`. */
export function isModelId(name: string): boolean {
  return (
    /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/.test(name) &&
    name.length <= 96 &&
    !/--|\.\./.test(name) &&
    !/[-.]$/.test(name)
  );
}
