/**
 * Holds idle connections: `hold TARGET PORT SOURCE…`, from the guest's namespace. Reads a number of connections per
 * line of its input, opens until so many are there, says `open N`. Every connection has carried one byte each way.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [target = '', port = '', ...sources] = process.argv.slice(2);
const AT_ONCE = 64;
const sockets: Socket[] = [];

for await (const line of createInterface({ input: process.stdin })) {
  const wanted = Number(line);
  while (sockets.length < wanted) {
    const batch = Math.min(AT_ONCE, wanted - sockets.length);
    const opened = await Promise.all(Array.from({ length: batch }, (_, i) => open(sockets.length + i)));
    sockets.push(...opened);
  }
  process.stdout.write(`open ${sockets.length}\n`);
}
for (const socket of sockets) socket.destroy();
process.exit(0);

function open(index: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const localAddress = sources[index % sources.length];
    const socket = connect(
      { host: target, port: Number(port), ...(localAddress ? { localAddress } : {}) },
      () => socket.write('.'),
    );
    socket.once('data', () => resolve(socket));
    socket.once('error', reject);
    socket.once('close', () => {
      process.stderr.write(`connection ${index} was closed\n`);
      process.exit(1);
    });
  });
}
