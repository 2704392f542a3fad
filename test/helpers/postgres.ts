import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A PostgreSQL server of its own, in a temporary folder, for tests and benchmarks. */
export interface PostgresServer {
  /** Makes an empty database. @returns its address */
  database(name: string): Promise<string>;
  /** Breaks all connections, as a restart does; the server goes on. */
  breakConnections(): Promise<void>;
  /** Ends the server at once, without asking it, and starts it again after `pause` milliseconds. */
  crash(pause: number): Promise<void>;
  stop(): Promise<void>;
}

/** Folder of the newest server binaries there are, or undefined. */
export function findPostgres(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
    '/usr/local/pgsql/bin',
  ];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** PostgreSQL refuses to run as root: then it runs as one of these. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody'])
    try {
      const [uid, gid] = ['-u', '-g'].map((what) => Number(execFileSync('id', [what, name], { stdio: 'pipe' })));
      return { uid: uid!, gid: gid! };
    } catch {
      // The next one.
    }
  throw new Error('no user to run PostgreSQL as');
}

/** `durable`: with fsync, as in real life; without it, tests are quicker. */
export async function startPostgres({ durable = false } = {}): Promise<PostgresServer> {
  const binaries = findPostgres();
  if (binaries === undefined) throw new Error('PostgreSQL is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'lrdist-postgres-'));
  const user = unprivileged();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'lrdist', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...user, cwd: folder, stdio: 'pipe' },
  );
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: folder,
    fsync: durable ? 'on' : 'off',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const start = () =>
    spawn(join(binaries, 'postgres'), ['-D', data, ...options], { ...user, cwd: folder, stdio: 'ignore' });
  let server = start();
  process.on('exit', () => server.kill('SIGQUIT'));
  const url = (name: string) => `postgres://lrdist@127.0.0.1:${port}/${name}`;
  await untilReady(url('postgres'));

  async function end(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }
  return {
    database: async (name) => {
      await query(url('postgres'), `create database ${name}`);
      return url(name);
    },
    breakConnections: () =>
      query(url('postgres'), 'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()'),
    crash: async (pause) => {
      await end('SIGQUIT');
      await delay(pause);
      server = start();
    },
    stop: async () => {
      await end('SIGINT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function query(url: string, text: string): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; ; tries++)
    try {
      return await query(url, 'select 1');
    } catch (error) {
      if (tries === 100) throw error;
      await delay(100);
    }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
