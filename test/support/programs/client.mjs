// TCP client for tests: one connection to server.mjs. Prints one line `BYTES SHA256` for what it sent or received.
//
//   node client.mjs ADDRESS PORT upload BYTES        then the server's own count, on a second line
//   node client.mjs ADDRESS PORT download BYTES
//   node client.mjs ADDRESS PORT slow BYTES          reads in fits and starts; prints `pause` and `go on`
//   node client.mjs ADDRESS PORT half-close BYTES    sends a megabyte, shuts down, then reads a long answer
//   node client.mjs ADDRESS PORT early BYTES         sends that much after the server has ended its side
//   node client.mjs ADDRESS PORT knock               prints what becomes of a connection: `CODE MILLISECONDS`
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, send } from './stream.mjs';

const [address, port, mode, size] = process.argv.slice(2);
const bytes = Number(size);

const begin = performance.now();
const socket = createConnection({ host: address, port: Number(port), allowHalfOpen: true });

if (mode === 'knock') {
  let code = 'END';
  socket.on('error', (error) => {
    code = error.code;
  });
  socket.on('data', () => {
    code = 'DATA';
  });
  socket.on('end', () => socket.end());
  socket.on('close', () => console.log(`${code} ${Math.round(performance.now() - begin)}`));
} else {
  await once(socket, 'connect');
  await conversation();
}

async function conversation() {
  const hash = createHash('sha256');
  const sent = () => `${bytes} ${hash.digest('hex')}`;
  if (mode === 'upload') {
    socket.write('sink\n');
    await send(socket, bytes, hash);
    socket.end();
    console.log(sent());
    process.stdout.write(await text());
  } else if (mode === 'download') {
    socket.write(`source ${bytes}\n`);
    await received();
    socket.end();
  } else if (mode === 'slow') {
    socket.write(`source ${bytes}\n`);
    // Long enough to fill every buffer on the way, twice; then little sips.
    let next = bytes / 4;
    await received(async (length) => {
      if (length < next) return;
      console.log('pause');
      next = length < bytes / 2 ? length + bytes / 4 : length + bytes / 64;
      await sleep(length < bytes / 2 ? 2_000 : 20);
      console.log('go on');
    });
    socket.end();
  } else if (mode === 'half-close') {
    socket.write(`answer ${bytes} 500\n`);
    await send(socket, 1_000_000, hash);
    socket.end();
    await once(socket, 'finish');
    await received();
  } else if (mode === 'early') {
    socket.write('early\n');
    process.stdout.write(await text());
    await send(socket, bytes, hash);
    socket.end();
    console.log(sent());
  } else {
    throw new Error(`no mode ${mode}`);
  }
}

async function received(pace) {
  const { length, digest } = await digestOf(socket, pace);
  console.log(`${length} ${digest}`);
}

async function text() {
  let answer = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) answer += chunk;
  return answer;
}
