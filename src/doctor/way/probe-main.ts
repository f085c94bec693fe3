import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { mapConcurrently } from '../../concurrency.ts';
import { parseTcpSockets, type TcpSocket } from '../look/sockets.ts';
import { PROBES_AT_ONCE, type ProbeRequest, probe } from './probe.ts';

/** How old a look at the sockets may be: with a thousand silent services, one for each would take too long. */
const LOOK_MS = 50;

let last: { readonly at: number; readonly sockets: readonly TcpSocket[] } | undefined;

function socketsNow(): readonly TcpSocket[] {
  const now = performance.now();
  if (last === undefined || now - last.at > LOOK_MS) {
    last = { at: now, sockets: parseTcpSockets(readFileSync('/proc/self/net/tcp', 'latin1')) };
  }
  return last.sockets;
}

/** Entry of the program that `doctor` runs inside the netns of a bridge: request on standard input, results on standard output. */
async function main(): Promise<void> {
  const requests = JSON.parse(await text(process.stdin)) as readonly ProbeRequest[];
  const results = await mapConcurrently(requests, PROBES_AT_ONCE, (request) => probe(request, socketsNow));
  process.stdout.write(`${JSON.stringify(results)}\n`);
}

void main();
