import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly server: 'hub' | 'cdn';
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** A model hub on this machine with one model, `owner/name`, whose weights lie on a second server, as on the real one. */
export class FakeHub {
  readonly files: Record<string, Buffer>;
  readonly seen: Seen[] = [];
  /** Called first; returns true if it has answered. */
  intercept: (request: IncomingMessage, response: ServerResponse, server: 'hub' | 'cdn') => boolean = () => false;
  /** Ids that lead to the model by a redirect within the hub. */
  alias = 'old-name';
  endpoint = '';
  #cdn = '';
  #servers: Server[] = [];

  constructor(files: Record<string, Buffer>) {
    this.files = files;
  }

  async start(): Promise<this> {
    this.endpoint = await this.#listen('hub');
    this.#cdn = await this.#listen('cdn');
    return this;
  }

  stop(): void {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  paths(method?: string): string[] {
    return this.seen.filter((s) => method === undefined || s.method === method).map(({ path }) => path);
  }

  etag(name: string): string {
    const content = this.files[name]!;
    return name.endsWith('.safetensors')
      ? createHash('sha256').update(content).digest('hex')
      : createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  }

  async #listen(name: 'hub' | 'cdn'): Promise<string> {
    const server = createServer((request, response) => this.#handle(request, response, name));
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  #handle(request: IncomingMessage, response: ServerResponse, server: 'hub' | 'cdn'): void {
    const path = decodeURIComponent(request.url!);
    const { range, authorization } = request.headers;
    this.seen.push({ server, method: request.method!, path, range, authorization });
    if (this.intercept(request, response, server)) return;
    if (path.startsWith('/api/models/')) {
      const [, id, revision] = /^\/api\/models\/(.+)\/revision\/(.+)$/.exec(path)!;
      if (id !== 'owner/name' && id !== this.alias) refuse(response, 404, 'RepoNotFound');
      else if (!['main', 'refs/pr/1', COMMIT].includes(revision!)) refuse(response, 404, 'RevisionNotFound');
      else {
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({ sha: COMMIT, siblings: Object.keys(this.files).map((rfilename) => ({ rfilename })) }),
        );
      }
      return;
    }
    const [, id, name] = /^\/(.+)\/resolve\/[^/]+\/(.+)$/.exec(path) ?? [];
    const content = name === undefined ? undefined : this.files[name];
    if (content === undefined) return refuse(response, 404, 'EntryNotFound');
    if (id === this.alias) {
      response.writeHead(307, { location: `/owner/name/resolve/${COMMIT}/${name}` }).end();
    } else if (server === 'hub' && name!.endsWith('.safetensors')) {
      const headers = {
        location: this.#cdn + request.url!,
        'x-linked-etag': `"${this.etag(name!)}"`,
        'x-linked-size': content.length,
      };
      response.writeHead(302, headers).end();
    } else {
      send(request, response, content, this.etag(name!));
    }
  }
}

function send(request: IncomingMessage, response: ServerResponse, content: Buffer, etag: string): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? -1);
  response.setHeader('etag', `W/"${etag}"`);
  if (start >= content.length) return void response.writeHead(416).end();
  const part = start < 0 ? content : content.subarray(start);
  if (start >= 0) response.setHeader('content-range', `bytes ${start}-${content.length - 1}/${content.length}`);
  response.writeHead(start < 0 ? 200 : 206, { 'content-length': part.length });
  response.end(request.method === 'HEAD' ? undefined : part);
}

export function refuse(response: ServerResponse, status: number, code?: string): void {
  response
    .writeHead(status, code === undefined ? {} : { 'x-error-code': code, 'x-error-message': `said ${code}` })
    .end();
}
