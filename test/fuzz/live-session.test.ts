import { openSync, statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bridge } from '../../src/dataplane/bridge.ts';
import { ListenerSession, type SessionOwner } from '../../src/dataplane/listener-session.ts';
import type { FromDataPlane } from '../../src/dataplane/messages.ts';
import { Reactor } from '../../src/dataplane/reactor.ts';
import type { ServiceSocketsOwner } from '../../src/dataplane/service-sockets.ts';
import { close, eventfd } from '../../src/linux/descriptor.ts';
import { outgoing, receiveMessage, sendMessage } from '../../src/linux/descriptor-passing.ts';
import { listeningSocketFault } from '../../src/linux/listening-socket-check.ts';
import { amount } from '../support/amount.ts';
import { type Random, seeded } from '../unit/config/random.ts';
import { listenLocal, openDescriptors, seqpacketPair, tcpPair } from '../unit/linux/endpoints.ts';
import { mutated, noise } from './mutate.ts';
import { savedSeeds } from './run-target.ts';
import { handover } from './targets/messages.ts';

const ROUNDS = amount(1000, 200);
const NETNS = statSync('/proc/self/ns/net').ino;
const PORTS = [80, 443, 5030];
const HELLO = '\x01\x01\0\0{"bridge":"br0"}';
const STATE = '\x02\x01\0\0{"ports":[80],"sockets":[80],"more":false,"failures":[]}';

/** What a hostile listener could pass. The first is what it should. */
let things: number[];
beforeAll(() => {
  const { client, server } = tcpPair();
  things = [listenLocal().fd, listenLocal().fd, client, server, eventfd(), openSync('/dev/null', 'r')];
});
afterAll(() => {
  for (const fd of things) close(fd);
});

/** The data plane as a session sees it. Sockets of another address pass: nothing could be adopted otherwise. */
class Owner implements SessionOwner, ServiceSocketsOwner<Bridge> {
  readonly reactor = new Reactor(() => undefined);
  readonly isShared = false;
  readonly told: FromDataPlane[] = [];
  tell(message: FromDataPlane): void {
    this.told.push(message);
  }
  socketFault(fd: number, port: number): string | undefined {
    const fault = listeningSocketFault(fd, port, NETNS);
    return fault?.startsWith('listens on') ? undefined : fault;
  }
  mayAccept(): boolean {
    return true;
  }
  arrived(_: Bridge, fd: number): void {
    close(fd);
  }
  exhausted(): void {}
  paused(): void {}
  turn(): void {
    this.reactor.defer(() => this.reactor.stop());
    this.reactor.run();
  }
}

function nextMessage(random: Random): string {
  const samples = [...handover.samples, ...savedSeeds(handover.name)] as [string, ...string[]];
  const sound = random.pick(samples);
  if (random.below(3) === 0) return sound;
  return random.below(10) === 0
    ? noise(handover.words, random)
    : mutated(sound, random.pick(samples), handover.words, random);
}

/** One listener's life; what the session told of it. */
function live(owner: Owner, random: Random): FromDataPlane[] {
  const { client, server } = seqpacketPair();
  const bridge = new Bridge(owner, 'br0', 7);
  const session = new ListenerSession(owner, 3, bridge, server);
  const trusted = random.below(2) === 0;
  for (let count = random.below(4) + 1; count > 0; count -= 1) {
    if (trusted) session.configure({ ports: PORTS, logLevel: 2 }, NETNS);
    const isSound = random.below(4) === 0;
    const length = outgoing.bytes.write(isSound ? (trusted ? STATE : HELLO) : nextMessage(random), 'latin1');
    const descriptors = Array.from(
      { length: random.below(4) },
      () => things[random.below(things.length)] ?? 0,
    );
    sendMessage(client, length, isSound ? things.slice(0, trusted ? 1 : 0) : descriptors);
    owner.turn();
  }
  const told = owner.told.splice(0);
  if (!trusted) expect(told.filter(({ type }) => type !== 'hello' && type !== 'gone')).toEqual([]);
  if (told.some(({ type }) => type === 'gone')) expect(bridge.sessions.size).toBe(0);
  session.close('over');
  bridge.sockets.keepOnly(new Set());
  const kept: number[] = [];
  while (receiveMessage(client, kept) > 0);
  for (const fd of [client, ...kept]) close(fd);
  owner.told.length = 0;
  return told;
}

test('a listener that says anything: the forwarder cuts it off or understands it, and keeps no descriptor', () => {
  const random = seeded(11);
  const owner = new Owner();
  live(owner, random);
  const before = openDescriptors();
  const kinds = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { type } of live(owner, random)) kinds.set(type, (kinds.get(type) ?? 0) + 1);
  }
  expect(openDescriptors()).toBe(before);
  // Both ends of the scale were met.
  for (const kind of ['hello', 'listening', 'gone'])
    expect(kinds.get(kind) ?? 0).toBeGreaterThan(ROUNDS / 50);
});
