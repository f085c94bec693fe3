import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  echo6,
  frame,
  icmp,
  linkLocal,
  type Packet,
  sctp,
  send,
  sourceRoute,
  syn,
  udp,
} from '../../support/frames.ts';
import { addBridge, addGuest, type Guest } from '../../support/network.ts';
import type { Place } from '../../support/place.ts';
import { program } from '../../support/site.ts';
import { countAt, openScene, type Scene, SERVICE_ADDRESS, untilSeen } from './attack-scene.ts';

const FORGER = '02:66:66:66:66:66';
const ATTACKER = '192.168.1.6';
const VICTIM = '192.168.1.7';
/** Of the hypervisor on the attacker's own bridge, of its backbone, and of a guest on another bridge. */
const HOST = '192.168.1.1';
const BACKBONE = '10.200.0.1';
const STRANGER = '192.168.2.7';
/** Something in the netns that listens at every address it can. */
const EVERYWHERE = 9999;

let scene: Scene;
let stranger: Guest;

beforeAll(async () => {
  scene = await openScene();
  const { box, netns } = scene;
  await addBridge(box, 'br1');
  stranger = await addGuest(box, 'br1', { ip: STRANGER, vmId: 11 });
  await box.sh(`ip address add ${HOST}/24 dev br0; ip link add backbone type bridge; ip link set backbone up;
    ip address add ${BACKBONE}/24 dev backbone; ip address add 192.168.2.1/24 dev br1`);
  const server = netns.spawn(program('greeter', '0.0.0.0', EVERYWHERE, 'not for guests'));
  await server.waitFor(/^listening$/m);
  // So that what is answered at all is answered to the forger, who sends no ARP.
  await netns.sh(`ip neigh replace ${ATTACKER} lladdr ${FORGER} dev br0a nud permanent`);
});

afterAll(() => scene.box.close());

/** Source ports of the packets that are sent last: a port of its own each, or the answer might be to an earlier one. */
const CONTROL_PORTS = { first: 50_000, last: 60_000 };
let controlPort = CONTROL_PORTS.first;

/** What comes back to the attacker, besides ARP, after it has sent a packet into the netns. The last one is answered. */
async function answersTo(payloads: readonly ReturnType<typeof syn>[]): Promise<number> {
  const { attacker, serviceMac: to } = scene;
  await attacker.sh('ip link set eth0 promisc on');
  controlPort += 1;
  const answer = `ether saddr ${to} tcp sport ${EVERYWHERE} tcp dport`;
  const count = await countAt(attacker, {
    last: `${answer} ${controlPort}`,
    control: `${answer} ${CONTROL_PORTS.first}-${CONTROL_PORTS.last}`,
    all: `ether saddr ${to} ether type != arp`,
  });
  const last = syn({ from: ATTACKER, to: SERVICE_ADDRESS }, EVERYWHERE, controlPort);
  await send(
    attacker,
    [...payloads, last].map((payload) => frame({ from: FORGER, to }, payload)),
  );
  const seen = await untilSeen(count, 'last');
  return (seen.all ?? 0) - (seen.control ?? 0);
}

const toService: Packet = { from: ATTACKER, to: SERVICE_ADDRESS };

/** Answered by the kernel when nothing forbids it. */
const NO_SERVICE: readonly (readonly [string, ReturnType<typeof syn>])[] = [
  ['UDP', udp(toService, 53)],
  ['SCTP', sctp(toService)],
  ['an ICMP timestamp request', icmp(toService, 'timestamp')],
];

const ELSEWHERE: readonly (readonly [string, ReturnType<typeof syn>])[] = [
  ['its loopback', syn({ from: ATTACKER, to: '127.0.0.1' }, EVERYWHERE)],
  ['every host', syn({ from: ATTACKER, to: '224.0.0.1' }, EVERYWHERE)],
  ['every host, a ping', icmp({ from: ATTACKER, to: '224.0.0.1' }, 'echo')],
  ['the broadcast address', syn({ from: ATTACKER, to: '255.255.255.255' }, EVERYWHERE)],
  ['the broadcast address, a ping', icmp({ from: ATTACKER, to: '255.255.255.255' }, 'echo')],
  ['its own address, from a group', syn({ from: '224.0.0.9', to: SERVICE_ADDRESS }, EVERYWHERE)],
];

/** Whom the netns would answer by its loopback. */
const FROM_ITSELF = ['127.0.0.1', SERVICE_ADDRESS];

describe('nothing but the service address answers, and nothing but TCP and ping', () => {
  test.each([...NO_SERVICE, ...ELSEWHERE])('%s', async (_, payload) => {
    expect(await answersTo([payload])).toBe(0);
  });

  test.each(FROM_ITSELF)('its own address, from %s', async (from) => {
    const count = await countAt(scene.netns, { inside: `tcp sport ${EVERYWHERE}` }, 'lo');
    expect(await answersTo([syn({ from, to: SERVICE_ADDRESS }, EVERYWHERE)])).toBe(0);
    expect((await count()).inside).toBe(0);
  });

  test('IPv6 to the address that its device would have', async () => {
    const payload = echo6(linkLocal(FORGER), linkLocal(scene.serviceMac));
    expect(await answersTo([payload])).toBe(0);
    expect(await scene.netns.sh('ip -6 address show dev br0a')).toBe('');
  });

  test('a flood of pings is answered no more than a hundred times a second', async () => {
    const begin = performance.now();
    const answered = await answersTo(Array.from({ length: 2_000 }, () => icmp(toService, 'echo')));
    const seconds = (performance.now() - begin) / 1000;
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(100 + 100 * Math.ceil(seconds));
  });
});

describe('no packet goes through the netns', () => {
  /** What is sent to the veth's MAC for somebody else, where it must not arrive. */
  const WAYS: readonly (readonly [string, () => readonly [Place, string], Packet])[] = [
    ['to another guest', () => [scene.victim, 'eth0'], { from: ATTACKER, to: VICTIM }],
    ['to a guest of another bridge', () => [stranger, 'eth0'], { from: ATTACKER, to: STRANGER }],
    ['to the hypervisor', () => [scene.box, 'br0'], { from: ATTACKER, to: HOST }],
    ['to its backbone', () => [scene.box, 'br0'], { from: ATTACKER, to: BACKBONE }],
    [
      'by a source route over the service address',
      () => [scene.victim, 'eth0'],
      { from: ATTACKER, to: SERVICE_ADDRESS, options: sourceRoute(VICTIM) },
    ],
  ];

  test.each(WAYS)('%s', async (_, where, packet) => {
    expect(await passing(where(), packet)).toBe(0);
  });

  test('with forwarding on and no ruleset they would: the tests above can fail', async () => {
    const { netns } = scene;
    await netns.sh('nft flush ruleset; echo 1 >/proc/sys/net/ipv4/ip_forward');
    await netns.sh(`ip neigh replace ${VICTIM} lladdr $(cat) dev br0a`, { input: await victimMac() });
    expect(await passing([scene.victim, 'eth0'], { from: ATTACKER, to: VICTIM })).toBe(1);
  });

  test.each(NO_SERVICE)(
    'without the ruleset there is an answer to %s: the tests above can fail',
    async (_, payload) => {
      await scene.netns.sh('nft flush ruleset');
      expect(await answersTo([payload])).toBe(1);
    },
  );
});

async function victimMac(): Promise<string> {
  return /link\/ether (\S+)/.exec(await scene.victim.sh('ip -o link show eth0'))?.[1] ?? 'none';
}

/** How many of the packets sent into the netns come out at another place. */
async function passing([place, device]: readonly [Place, string], packet: Packet): Promise<number> {
  const count = await countAt(place, { through: 'tcp dport 7777' }, device);
  await answersTo([syn(packet, 7777)]);
  return (await count()).through ?? 0;
}

// Last: what these begin is answered for some seconds more, in the midst of whatever comes next.
describe('a flood of half-open connections', () => {
  /** More than wait in the queue of the server, which is 511. */
  const flood = () =>
    Array.from({ length: 2_000 }, (_, index) => syn(toService, EVERYWHERE, 10_000 + index)).map((payload) =>
      frame({ from: FORGER, to: scene.serviceMac }, payload),
    );
  const reading = `exec 3<>/dev/tcp/${SERVICE_ADDRESS}/${EVERYWHERE}; read -r line <&3; echo "$line"`;
  const victimReads = () => scene.victim.run(['timeout', '1', 'bash', '--norc', '-c', reading]);

  test('refuses nobody', async () => {
    await send(scene.attacker, flood());
    expect((await victimReads()).stdout).toBe('not for guests\n');
  });

  test('would, were it not for the cookies', async () => {
    await scene.netns.sh('echo 0 >/proc/sys/net/ipv4/tcp_syncookies');
    try {
      await send(scene.attacker, flood());
      expect((await victimReads()).stdout).toBe('');
    } finally {
      await scene.netns.sh('echo 1 >/proc/sys/net/ipv4/tcp_syncookies');
    }
  });
});

/** Bytes that pieces of packets take in the netns. */
async function taken(): Promise<number> {
  return Number(/^FRAG: .* memory (\d+)$/m.exec(await scene.netns.sh('cat /proc/self/net/sockstat'))?.[1]);
}

describe('pieces of packets that never become whole', () => {
  const MIB = 1 << 20;
  const pieces = () =>
    Array.from({ length: 3_000 }, (_, pieceOf) => udp({ ...toService, pieceOf }, 53)).map((payload) =>
      frame({ from: FORGER, to: scene.serviceMac }, payload),
    );
  test('take no more than a MiB', async () => {
    await send(scene.attacker, pieces());
    expect(await taken()).toBeGreaterThan(MIB / 4);
    expect(await taken()).toBeLessThan(1.1 * MIB);
  });

  test('would take more with the mark where the kernel puts it', async () => {
    await scene.netns.sh('echo 4194304 >/proc/sys/net/ipv4/ipfrag_high_thresh');
    try {
      await send(scene.attacker, pieces());
      expect(await taken()).toBeGreaterThan(1.1 * MIB);
    } finally {
      await scene.netns.sh('echo 1048576 >/proc/sys/net/ipv4/ipfrag_high_thresh');
    }
  });
});

test('what never became whole, packet or connection, is given up', async () => {
  const left = async () => [await taken(), await scene.netns.sh('ss -Htn state syn-recv')];
  await expect.poll(left, { timeout: 20_000, interval: 500 }).toEqual([0, '']);
});
