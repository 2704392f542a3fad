import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { LrdistError, nearest } from '../errors.ts';
import { download } from './hub/download.ts';
import { chooseFiles, neededFiles, shardsOf } from './hub/files.ts';
import { CachedRepository, exists, isCommit } from './hub/repository.ts';
import { refusal, request, type RequestOptions, Unreachable } from './hub/request.ts';
import { type HubSettings, hubSettings, isModelId } from './hub/settings.ts';

export interface DownloadProgress {
  readonly file: string;
  /** Bytes that are there, those of earlier tries included. */
  readonly done: number;
  readonly total: number | undefined;
}

export interface HubOptions {
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** Overrides `HF_TOKEN` and the token file. */
  readonly token?: string;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Told when the hub cannot be reached and an older copy is used. */
  readonly onWarning?: (message: string) => void;
  /** Longest silence of the server. Default 30,000. */
  readonly timeoutMs?: number;
  /** Further tries after a failed connection or a passing server error. Default 4. */
  readonly retries?: number;
  /** Wait before the first new try, doubled each time. Default 1,000. */
  readonly retryDelayMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * The folder of a model: the given one, or for a hub id (`owner/name`) a snapshot in the hub cache, into which the config, tokenizer and
 * safetensors files are downloaded if they are not there. Follows HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH and
 * HF_HUB_OFFLINE, and shares the cache with Python's huggingface_hub. If the hub cannot be reached, a complete older copy is used.
 * @throws LrdistError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNSUPPORTED, ERR_HUB, ERR_HUB_OFFLINE, ERR_DOWNLOAD, ERR_WRITE.
 */
export async function resolveModel(nameOrPath: string, options: HubOptions = {}): Promise<string> {
  const kind = await stat(nameOrPath).catch(() => undefined);
  if (kind?.isDirectory()) return nameOrPath;
  if (kind !== undefined) {
    throw new LrdistError('ERR_MODEL_NOT_FOUND', `${nameOrPath} is a file.`, {
      remedy: 'Give the folder that holds config.json and model.safetensors.',
    });
  }
  if (!isModelId(nameOrPath)) throw await noFolder(nameOrPath);
  const settings = await hubSettings();
  const repository = new CachedRepository(settings.cache, nameOrPath);
  const revision = options.revision ?? 'main';
  const cached = await cachedSnapshot(repository, revision);
  if (settings.offline) {
    if (cached.complete !== undefined) return cached.complete;
    throw new LrdistError(
      'ERR_HUB_OFFLINE',
      `${nameOrPath} (${revision}) is not complete in ${settings.cache}: ${cached.missing.join(', ')} is missing.`,
      {
        remedy: 'Unset HF_HUB_OFFLINE to download it, or give a folder with the model.',
      },
    );
  }
  // A commit never changes, so there is nothing to ask.
  if (isCommit(revision) && cached.complete !== undefined) return cached.complete;
  try {
    return await new Fetcher(nameOrPath, revision, settings, repository, options).run();
  } catch (error) {
    if (!(error instanceof Unreachable) || cached.complete === undefined) throw error;
    options.onWarning?.(`${error.message} The copy in ${cached.complete} is used.`);
    return cached.complete;
  }
}

async function cachedSnapshot(
  repository: CachedRepository,
  revision: string,
): Promise<{ complete?: string; missing: readonly string[] }> {
  const commit = await repository.commitOf(revision);
  const missing = commit === undefined ? [neededFiles.config] : await repository.missing(commit);
  return commit === undefined || missing.length > 0 ? { missing } : { complete: repository.snapshot(commit), missing };
}

const modelInfo = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(z.object({ rfilename: z.string() })),
});

/** One model being brought up to date in the cache. */
class Fetcher {
  readonly #id: string;
  readonly #revision: string;
  readonly #endpoint: string;
  readonly #repository: CachedRepository;
  readonly #options: HubOptions;
  readonly #request: RequestOptions;

  constructor(id: string, revision: string, settings: HubSettings, repository: CachedRepository, options: HubOptions) {
    this.#id = id;
    this.#revision = revision;
    this.#endpoint = settings.endpoint;
    this.#repository = repository;
    this.#options = options;
    const { timeoutMs = 30_000, retries = 4, retryDelayMs = 1000, signal } = options;
    this.#request = { token: options.token ?? settings.token, timeoutMs, retries, retryDelayMs, signal };
  }

  async run(): Promise<string> {
    const { commit, files } = await this.#info();
    const folder = this.#repository.snapshot(commit);
    for (const file of chooseFiles(this.#id, files)) {
      await this.#fetch(commit, file);
      if (file === neededFiles.index) {
        const path = join(folder, file);
        for (const shard of shardsOf(await readFile(path, 'utf8'), path)) await this.#fetch(commit, shard);
      }
    }
    // Only now, so that the revision always names a snapshot that was once complete.
    await this.#repository.setCommit(this.#revision, commit);
    return folder;
  }

  async #info(): Promise<{ commit: string; files: string[] }> {
    const url = `${this.#endpoint}/api/models/${this.#id}/revision/${encodeURIComponent(this.#revision)}`;
    const response = await request(url, this.#request);
    if (!response.ok) throw await this.#refused(response);
    try {
      const { sha, siblings } = modelInfo.parse(await response.json());
      return { commit: sha, files: siblings.map(({ rfilename }) => rfilename) };
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      throw new LrdistError('ERR_HUB', `${url} did not answer as a model hub does.`, {
        remedy: 'Check HF_ENDPOINT.',
        cause: error,
      });
    }
  }

  async #fetch(commit: string, file: string): Promise<void> {
    if (await this.#repository.has(commit, file)) return;
    const url = `${this.#endpoint}/${this.#id}/resolve/${commit}/${file}`;
    const head = await request(url, { ...this.#request, method: 'HEAD', leaveHost: false });
    if (head.status >= 400) throw await this.#refused(head);
    const etag = (head.headers.get('x-linked-etag') ?? head.headers.get('etag'))
      ?.replace(/^W\//, '')
      .replaceAll('"', '');
    // The etag becomes a file name.
    if (etag === undefined || !/^[\w.-]+$/.test(etag) || /^\.+$/.test(etag)) {
      throw new LrdistError('ERR_HUB', `${url} has no usable etag.`, {
        remedy: 'Check HF_ENDPOINT: it must be a model hub.',
      });
    }
    const length = head.headers.get('x-linked-size') ?? (head.ok ? head.headers.get('content-length') : null);
    const blob = this.#repository.blob(etag);
    if (!(await exists(blob))) {
      const remote = { url, etag, size: length === null ? undefined : Number(length) };
      await download(remote, blob, this.#request, (done, total) => this.#options.onProgress?.({ file, done, total }));
    }
    await this.#repository.link(commit, file, etag);
  }

  async #refused(response: Response): Promise<LrdistError> {
    await response.body?.cancel();
    return refusal(response, this.#id, this.#revision, this.#endpoint, this.#request.token !== undefined);
  }
}

async function noFolder(path: string): Promise<LrdistError> {
  const siblings = await readdir(dirname(resolve(path))).catch(() => []);
  const near = nearest(basename(path), siblings);
  return new LrdistError('ERR_MODEL_NOT_FOUND', `There is no model folder ${path}.`, {
    remedy:
      near === undefined
        ? 'Give a folder with config.json and model.safetensors, or a hub id (owner/name).'
        : `Did you mean ${join(dirname(path), near)}?`,
  });
}
