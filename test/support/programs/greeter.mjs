// TCP server for tests: sends one line to whoever connects, and ends.
//
//   node greeter.mjs ADDRESS PORT GREETING      prints `listening`
import { createServer } from 'node:net';

const [address, port, greeting] = process.argv.slice(2);
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.resume();
  socket.end(`${greeting}\n`);
});
server.listen({ host: address, port: Number(port), backlog: 1024 }, () => console.log('listening'));
