// TCP server for tests. What a connection does is told by its first line:
//
//   echo              sends back what comes, to the end of it
//   sink              reads to the end, then answers with a line `BYTES SHA256`
//   source BYTES      sends that many bytes and ends, whatever comes
//   answer BYTES MS   reads to the end, waits, then sends that many bytes and ends
//   early             ends its own side at once, reads to the end and prints `early BYTES SHA256`
//
//   node server.mjs ADDRESS PORT      prints `listening`, and for every stream `source BYTES SHA256`
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, send } from './stream.mjs';

const [address, port] = process.argv.slice(2);

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on('error', (error) => console.log(`error ${error.code}`));
  socket.once('readable', async () => {
    const [command, ...words] = (await firstLine(socket)).split(' ');
    const [bytes = 0, milliseconds = 0] = words.map(Number);
    if (command === 'echo') {
      socket.pipe(socket);
    } else if (command === 'sink') {
      const { length, digest } = await digestOf(socket);
      socket.end(`${length} ${digest}\n`);
    } else if (command === 'source') {
      socket.resume();
      await source(socket, bytes);
    } else if (command === 'answer') {
      await digestOf(socket);
      await sleep(milliseconds);
      await source(socket, bytes);
    } else if (command === 'early') {
      socket.end('early\n');
      const { length, digest } = await digestOf(socket);
      console.log(`early ${length} ${digest}`);
    } else {
      console.log(`error no command ${command}`);
      socket.destroy();
    }
  });
});
server.listen({ host: address, port: Number(port), backlog: 4096 }, () => console.log('listening'));

/** Reads the first line and puts the rest back. */
async function firstLine(socket) {
  let text = Buffer.alloc(0);
  for (;;) {
    const chunk = socket.read();
    if (chunk !== null) {
      text = Buffer.concat([text, chunk]);
      const end = text.indexOf('\n');
      if (end >= 0) {
        if (end + 1 < text.length) socket.unshift(text.subarray(end + 1));
        return text.subarray(0, end).toString();
      }
    }
    await new Promise((resolve) => {
      socket.once('readable', resolve);
    });
  }
}

async function source(socket, bytes) {
  const hash = createHash('sha256');
  await send(socket, bytes, hash);
  console.log(`source ${bytes} ${hash.digest('hex')}`);
  socket.end();
}
