// Many connections at once to server.mjs (`echo`). Prints `open N` when all have their echo, goes on when a line comes on
// standard input: all echo once more, `again N`; the next line: all end, `closed N`.
//
//   node crowd.mjs ADDRESS PORT COUNT
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

const [address, port, count] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const connections = Array.from({ length: Number(count) }, (_, number) => connect(number));
await Promise.all(connections.map(({ say }) => say('echo\n')));
console.log(`open ${connections.length}`);
await lines.next();
await Promise.all(connections.map(({ say }) => say('')));
console.log(`again ${connections.length}`);
await lines.next();
await Promise.all(connections.map(({ end }) => end()));
console.log(`closed ${connections.length}`);
process.exit(0);

function connect(number) {
  const socket = createConnection({ host: address, port: Number(port) });
  let heard = '';
  let wake = () => {};
  socket.setEncoding('utf8').on('data', (text) => {
    heard += text;
    wake();
  });
  for (const event of ['error', 'end']) {
    socket.on(event, (error) => {
      if (ended) return;
      console.log(`connection ${number}: ${error?.code ?? 'ended by the other side'}`);
      process.exit(1);
    });
  }
  let ended = false;
  return {
    socket,
    async say(prefix) {
      const word = `${number} ${Math.random()}\n`;
      socket.write(prefix + word);
      await new Promise((resolve) => {
        wake = () => {
          if (heard.endsWith(word)) resolve();
        };
        wake();
      });
      heard = '';
    },
    async end() {
      ended = true;
      socket.end();
      await new Promise((resolve) => {
        socket.once('close', resolve);
      });
    },
  };
}
