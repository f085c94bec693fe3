// Connects and prints what comes, or the code of the error (ECONNREFUSED, ECONNRESET); TIMEOUT after five seconds.
//
//   node read.mjs ADDRESS PORT
import { createConnection } from 'node:net';

const [host, port] = process.argv.slice(2);
const socket = createConnection({ host, port: Number(port), timeout: 5_000 });
let text = '';
socket.setEncoding('utf8').on('data', (piece) => {
  text += piece;
});
socket.on('timeout', () => socket.destroy(Object.assign(new Error(), { code: 'TIMEOUT' })));
socket.on('error', ({ code }) => console.log(code));
socket.on('end', () => process.stdout.write(text));
