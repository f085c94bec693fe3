import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { netnsName } from '../../src/model/names.ts';
import { memoryOf } from '../host/processes.ts';
import { sleep } from '../host/run.ts';
import { BRIDGE } from '../peers/peer.ts';
import { GUEST_ADDRESSES } from '../topology/bridge.ts';
import { ECHO_PORT } from '../topology/ports.ts';
import type { Context, Figure, Measurement, Readings, Subject } from './figure.ts';

const PRIVATE = 'Private memory, MB';
const PER_RELAY = 'Private memory per idle relay, KB';
/** Until heaps and pools have come to rest. */
const SETTLE_MS = 2000;
const OPEN_TIMEOUT_MS = 60_000;

/** Memory of a fresh peer, of one that holds idle relays, and of one that has held them. */
export function memoryMeasurement(relays: readonly number[]): Measurement {
  return {
    name: 'memory',
    group: 'memory',
    on: 'fresh',
    figures: [
      figure('memory.idle.listener', PRIVATE, 'idle, in the netns', 1),
      figure('memory.idle.forwarder', PRIVATE, 'idle, in the root', 1),
      figure('memory.idle.all', PRIVATE, 'idle, both', 1),
      figure('memory.idle.pss', PRIVATE, 'idle, both (Pss)', 1),
      figure('memory.after', PRIVATE, 'relays closed', 1),
      ...relays.map((count) => ({
        ...figure(relayKey(count, relays), PER_RELAY, `${count} relays`, 2),
        tolerance: 0.2,
      })),
    ],
    measure: async (subject, context) => {
      if (!subject.peer.proxies) return {};
      await subject.restart();
      return await measureMemory(subject, context, relays);
    },
  };
}

function figure(key: string, table: string, column: string, digits: number): Figure {
  return { key, table, column, digits, better: 'less' };
}

/** The biggest number is what a goal asks about, whatever it is. */
function relayKey(count: number, relays: readonly number[]): string {
  return `memory.relay.${count === Math.max(...relays) ? 'most' : count}`;
}

async function measureMemory(
  subject: Subject,
  context: Context,
  relays: readonly number[],
): Promise<Readings> {
  const measured = async () => {
    await sleep(SETTLE_MS);
    const pids = subject.hypervisor.pidsByNetns([netnsName(BRIDGE)]);
    const listener = memoryOf(pids.inside);
    const forwarder = memoryOf(pids.outside);
    return { listener, forwarder, all: listener.privateBytes + forwarder.privateBytes };
  };
  const idle = await measured();
  const readings: Record<string, number> = {
    'memory.idle.forwarder': idle.forwarder.privateBytes / 1e6,
    'memory.idle.all': idle.all / 1e6,
    'memory.idle.pss': (idle.listener.pssBytes + idle.forwarder.pssBytes) / 1e6,
  };
  if (idle.listener.privateBytes > 0) readings['memory.idle.listener'] = idle.listener.privateBytes / 1e6;

  const holder = openHolder(subject, context);
  try {
    for (const count of relays) {
      if (count > (subject.peer.maxRelays ?? count)) continue;
      await holder.hold(count);
      readings[relayKey(count, relays)] = ((await measured()).all - idle.all) / count / 1000;
    }
  } finally {
    await holder.close();
  }
  readings['memory.after'] = (await measured()).all / 1e6;
  return readings;
}

interface Holder {
  /** Resolves when so many connections are open and each has carried a byte both ways. */
  readonly hold: (count: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

function openHolder({ asGuest, target, peer }: Subject, { js }: Context): Holder {
  const [command = '', ...prefix] = asGuest;
  const client = [process.execPath, join(js, 'hold.mjs'), target, String(ECHO_PORT), ...GUEST_ADDRESSES];
  const child = spawn(command, [...prefix, ...client], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint ||= text.trim();
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const lines = createInterface({ input: child.stdout });
  return {
    hold: (count) =>
      new Promise((resolve, reject) => {
        const fail = (why: string) => reject(new Error(`${peer.label}: can't hold ${count} relays: ${why}`));
        const timer = setTimeout(() => fail(`not open within ${OPEN_TIMEOUT_MS / 1000} s`), OPEN_TIMEOUT_MS);
        void ended.then(() => fail(complaint || 'the client ended'));
        lines.once('line', () => {
          clearTimeout(timer);
          resolve();
        });
        child.stdin.write(`${count}\n`);
      }),
    close: async () => {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
    },
  };
}
