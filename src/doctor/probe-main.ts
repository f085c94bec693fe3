import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { type ProbeRequest, probe } from './probe.ts';

/** Entry of the program that `doctor` runs inside the netns of a bridge: request on standard input, results on standard output. */
async function main(): Promise<void> {
  const requests = JSON.parse(await text(process.stdin)) as readonly ProbeRequest[];
  const sockets = (): string => readFileSync('/proc/self/net/tcp', 'latin1');
  const results = await Promise.all(requests.map((request) => probe(request, sockets)));
  process.stdout.write(`${JSON.stringify(results)}\n`);
}

void main();
