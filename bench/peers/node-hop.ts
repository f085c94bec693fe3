/**
 * One hop of the two-hop `node:net` peer: `LISTEN=CONNECT …`, each side `ADDRESS:PORT` or the path of a unix socket.
 */
import { connect, createServer, type ListenOptions, type Socket } from 'node:net';

for (const argument of process.argv.slice(2)) {
  const [listen = '', target = ''] = argument.split('=');
  const server = createServer({ noDelay: true }, (downstream) => {
    const upstream = connect({ ...place(target), noDelay: true } as Parameters<typeof connect>[0] & object);
    join(downstream, upstream);
    join(upstream, downstream);
  });
  server.listen({ ...place(listen), backlog: 4096 });
}

/** One direction; an error on either side ends both. */
function join(from: Socket, to: Socket): void {
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroySoon());
  from.pipe(to);
}

function place(text: string): ListenOptions {
  if (text.startsWith('/')) return { path: text };
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}
