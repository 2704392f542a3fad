import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a PostgreSQL server, and can lose the answer to a COMMIT that the server has carried out. */
export interface Proxy {
  readonly address: string;
  loseNextCommit(): void;
  /** How many were lost since `loseNextCommit`. */
  lost(): number;
  stop(): Promise<void>;
}

export async function startProxy(database: string): Promise<Proxy> {
  const target = new URL(database);
  const { hostname, port } = target;
  const sockets = new Set<Socket>();
  let armed = false;
  let lost = 0;
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    client.pipe(upstream);
    upstream.on('data', (data) => {
      if (armed && data.includes('COMMIT\0')) {
        armed = false;
        lost++;
        client.destroy();
        upstream.destroy();
      } else {
        client.write(data);
      }
    });
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const bound = proxy.address();
  target.port = String(typeof bound === 'object' && bound !== null ? bound.port : 0);
  return {
    address: target.href,
    loseNextCommit: () => {
      armed = true;
      lost = 0;
    },
    lost: () => lost,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
