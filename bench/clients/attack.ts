/**
 * A hostile guest: `attack ADDRESS PORT MS PERCENT` opens connections, sends garbage over them and drops them again, as fast
 * as it can in so many percent of the time, and prints `{"connections":N,"bytes":N}`.
 */
import { randomFillSync } from 'node:crypto';
import { close } from '../../src/linux/descriptor.ts';
import { allocate } from '../../src/linux/ffi.ts';
import { closeWithReset, send, tcpConnect, tcpSocket } from '../../src/linux/tcp-socket.ts';
import { parseIpv4 } from '../../src/model/ipv4.ts';

const AT_ONCE = 200;
const GARBAGE_BYTES = 128 * 1024;

/** As a hypervisor gives a guest its share of a processor: a while of everything, then nothing. */
const PERIOD_MS = 10;
const clock = new Int32Array(new SharedArrayBuffer(4));

const [address = '', port = '', ms = '', percent = '100'] = process.argv.slice(2);
const garbage = allocate(GARBAGE_BYTES);
randomFillSync(garbage.bytes);

const sockets: number[] = [];
let connections = 0;
let bytes = 0;
const work = (PERIOD_MS * Number(percent)) / 100;
let begun = performance.now();
for (const end = begun + Number(ms); performance.now() < end; ) {
  if (performance.now() - begun >= work) {
    if (work < PERIOD_MS) Atomics.wait(clock, 0, 0, PERIOD_MS - work);
    begun = performance.now();
  }
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
