// Opens connections to greeter-like servers and keeps those that live. Prints a line of JSON for each change in what became
// of them, `{"served":N,"reset":N,"waiting":N}`: served once the upstream has said something. A number on standard input
// ends so many of those that are served; the end of it ends all.
//
//   node hold.mjs ADDRESS PORT COUNT
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

const [host, port, count] = process.argv.slice(2);
const served = new Set();
const fates = { served: 0, reset: 0, waiting: Number(count) };
let told = '';

for (let i = 0; i < Number(count); i++) open();
createInterface({ input: process.stdin })
  .on('line', (line) => {
    for (const socket of [...served].slice(0, Number(line))) {
      served.delete(socket);
      socket.end();
    }
  })
  .on('close', () => process.exit(0));

function open() {
  const socket = createConnection({ host, port: Number(port) });
  const become = (fate) => {
    fates.waiting -= 1;
    fates[fate] += 1;
    setImmediate(tell);
  };
  socket.once('data', () => {
    served.add(socket);
    become('served');
  });
  socket.on('error', ({ code }) => {
    if (code !== 'ECONNRESET') console.log(code);
    else if (!served.has(socket)) become('reset');
  });
}

function tell() {
  const line = JSON.stringify(fates);
  if (line !== told) console.log(line);
  told = line;
}
