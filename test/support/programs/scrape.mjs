// Bad scrapers, all at once, until standard input ends: silent ones, slow ones, such that send nonsense or endless headers,
// and such that ask and never read.
//
//   node scrape.mjs ADDRESS PORT COUNT      prints `at work` once all have begun
import { createConnection } from 'node:net';

const [address, port, count] = process.argv.slice(2);
const MANNERS = [
  () => {},
  (socket) => socket.write('GET /met'),
  (socket) => socket.write(Buffer.alloc(4096, 0xff)),
  (socket) => socket.write(`GET /metrics HTTP/1.1\r\n${'x: y\r\n'.repeat(10_000)}`),
  (socket) => socket.pause().write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(50)),
  (socket) =>
    socket.write('POST /metrics HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'),
  (socket) => socket.write('CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n'),
  (socket) => socket.write('GET / HTTP/1.1\r\nhost: x\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
];
let begun = 0;

/** Comes back whenever it is hung up on. */
function annoy(number) {
  const socket = createConnection({ host: address, port: Number(port) });
  socket.on('connect', () => {
    MANNERS[number % MANNERS.length](socket);
    begun += 1;
    if (begun === Number(count)) console.log('at work');
  });
  socket.on('error', () => {});
  socket.on('close', () => setTimeout(annoy, 100, number));
}

for (let number = 0; number < Number(count); number += 1) annoy(number);
process.stdin.resume().on('end', () => process.exit(0));
