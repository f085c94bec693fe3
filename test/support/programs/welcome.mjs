// TCP server for tests: says `welcome` to whoever connects, and keeps the connection until the other side ends it.
//
//   node welcome.mjs ADDRESS PORT      prints `listening`
import { createServer } from 'node:net';

const [host, port] = process.argv.slice(2);
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.resume();
  socket.write('welcome\n');
});
server.listen({ host, port: Number(port), backlog: 4096 }, () => console.log('listening'));
