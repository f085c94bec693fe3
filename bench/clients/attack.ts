/**
 * A hostile guest: `attack ADDRESS PORT MS` opens connections, sends garbage over them and drops them again, as fast as it
 * can, and prints `{"connections":N,"bytes":N}`.
 */
import { randomFillSync } from 'node:crypto';
import { close } from '../../src/linux/descriptor.ts';
import { allocate } from '../../src/linux/ffi.ts';
import { closeWithReset, parseIpv4, send, tcpConnect, tcpSocket } from '../../src/linux/socket.ts';

const AT_ONCE = 200;
const GARBAGE_BYTES = 128 * 1024;

const [address = '', port = '', ms = ''] = process.argv.slice(2);
const garbage = allocate(GARBAGE_BYTES);
randomFillSync(garbage.bytes);

const sockets: number[] = [];
let connections = 0;
let bytes = 0;
for (const end = performance.now() + Number(ms); performance.now() < end; ) {
  const fd = tcpSocket();
  if (fd >= 0) {
    tcpConnect(fd, parseIpv4(address), Number(port));
    sockets.push(fd);
    connections += 1;
  }
  // The new one, and one of those before.
  for (const each of [fd, sockets[connections % sockets.length] ?? -1]) {
    const sent = send(each, garbage.address, GARBAGE_BYTES);
    if (sent > 0) bytes += sent;
  }
  while (sockets.length > AT_ONCE) {
    const oldest = sockets.shift() ?? -1;
    if (connections % 2 === 0) close(oldest);
    else closeWithReset(oldest);
  }
}
for (const fd of sockets) closeWithReset(fd);
console.log(JSON.stringify({ connections, bytes }));
