// The upstreams of the torture: a server with many ports. It says first which port was reached, so that a connection at a
// wrong upstream shows. The first line tells what a connection is to do:
//
//   session                             echoes lines to the end
//   transfer UP DOWN SEED RATE now      takes UP bytes of the stream SEED and sends DOWN bytes of it at the same time, RATE
//                                       bytes a second (0: as fast as it goes)
//   transfer UP DOWN SEED RATE after    sends when the other side has ended
//   silent                              says nothing more, ever
//   reset                               answers 100 bytes and resets
//
// A transfer ends with the line `received N right|wrong`.
//
//   node upstream.mjs ADDRESS FIRST_PORT COUNT      prints `listening`
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { matches, piece } from './pattern.mjs';

const BACKLOG = 4096;
const CHUNK_BYTES = 64 * 1024;
const PACE_MS = 50;

const [address, firstPort, count] = process.argv.slice(2);

/** Calls `onBytes` with what follows the first line, from the moment it returns a function for that line. */
function serve(socket, port) {
  let head = Buffer.alloc(0);
  let onBytes;
  socket.on('error', () => {});
  socket.setNoDelay(true);
  socket.on('data', (bytes) => {
    if (onBytes !== undefined) {
      onBytes(bytes);
      return;
    }
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf('\n');
    if (end < 0) return;
    const [command, ...words] = head.subarray(0, end).toString().split(' ');
    onBytes = begin(socket, port, command, words);
    onBytes(head.subarray(end + 1));
  });
}

function begin(socket, port, command, words) {
  socket.write(`upstream ${port}\n`);
  if (command === 'session') {
    socket.on('end', () => socket.end());
    return (bytes) => {
      if (bytes.length > 0) socket.write(bytes);
    };
  }
  if (command === 'transfer') return transfer(socket, words);
  if (command === 'reset') {
    socket.write(piece(0, 0, 100));
    // The bytes get a head start: a reset overtakes what the other side has not read yet.
    setTimeout(() => socket.resetAndDestroy(), 50);
  }
  return () => {};
}

function transfer(socket, words) {
  const [up, down, seed, rate] = words.map(Number);
  let received = 0;
  let right = true;
  const ended = happened(socket, 'end');
  const send = async () => {
    if (words[4] === 'after') await ended;
    await sendStream(socket, seed, down, rate);
    if (words[4] !== 'after') await ended;
    socket.end(`received ${received} ${right && received === up ? 'right' : 'wrong'}\n`);
  };
  void send();
  return (bytes) => {
    right &&= matches(bytes, seed, received);
    received += bytes.length;
  };
}

/** Resolves with the event, or when the connection is gone. */
function happened(socket, event) {
  return new Promise((resolve) => {
    const done = () => {
      socket.off(event, done);
      socket.off('close', done);
      resolve();
    };
    socket.on(event, done);
    socket.on('close', done);
  });
}

async function sendStream(socket, seed, total, rate) {
  for (let sent = 0; sent < total && !socket.destroyed; ) {
    const share = rate === 0 ? CHUNK_BYTES : Math.max(1, Math.round((rate * PACE_MS) / 1000));
    const bytes = piece(seed, sent, Math.min(share, total - sent));
    sent += bytes.length;
    if (!socket.write(bytes)) await happened(socket, 'drain');
    if (rate > 0) await sleep(PACE_MS);
  }
}

const servers = Array.from({ length: Number(count) }, (_, i) => {
  const port = Number(firstPort) + i;
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, port));
  server.listen({ host: address, port, backlog: BACKLOG });
  return once(server, 'listening');
});
await Promise.all(servers);
console.log('listening');
