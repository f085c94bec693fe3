// TCP client for tests: says each line of standard input and prints what it hears. It ends with standard input.
// Prints `connected PORT`, its own port, first.
//
//   node dialogue.mjs ADDRESS PORT
import { createConnection } from 'node:net';

const [host, port] = process.argv.slice(2);
const socket = createConnection({ host, port: Number(port), noDelay: true }, () => {
  console.log(`connected ${socket.localPort}`);
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
});
socket.on('error', ({ code }) => console.log(code));
