// TCP server for tests: tells what it hears. Every connection is answered with the hexadecimal of all it has said so far each
// time that it says something, a line each.
//
//   node recorder.mjs ADDRESS PORT      prints `listening`
import { createServer } from 'node:net';

const [host, port] = process.argv.slice(2);
const server = createServer((socket) => {
  let heard = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    heard = Buffer.concat([heard, chunk]);
    socket.write(`${heard.toString('hex')}\n`);
  });
});
server.listen({ host, port: Number(port) }, () => console.log('listening'));
