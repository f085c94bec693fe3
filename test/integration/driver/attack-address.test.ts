import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  arp,
  BROADCAST,
  frame,
  icmp,
  lldpFrame,
  send,
  snapFrame,
  syn,
  type Tag,
  udp,
} from '../../support/frames.ts';
import { countAt, openScene, reaches, type Scene, SERVICE_ADDRESS, untilSeen } from './attack-scene.ts';

/** Whose the forged frames are; nobody else has it. */
const FORGER = '02:66:66:66:66:66';
const CONTROL = '02:66:66:66:66:67';
const VICTIM = '192.168.1.7';
const GATEWAY = '192.168.1.1';

let scene: Scene;

beforeAll(async () => {
  scene = await openScene();
});

afterAll(() => scene.box.close());

const claim = { mac: FORGER, ip: SERVICE_ADDRESS };
const reply = arp({ operation: 'reply', sender: claim, target: { ip: VICTIM } });
const from = FORGER;
const tagged = (...tags: Tag[]) => [frame({ from }, reply, tags)];

const CLAIMS: readonly (readonly [string, readonly string[]])[] = [
  ['an ARP reply to everybody', [frame({ from }, reply)]],
  [
    'a gratuitous ARP request',
    [frame({ from }, arp({ operation: 'request', sender: claim, target: claim }))],
  ],
  [
    'an ARP request for another address',
    [frame({ from }, arp({ operation: 'request', sender: claim, target: { ip: VICTIM } }))],
  ],
  ['an ARP reply in a VLAN 0 tag', tagged('vlan')],
  ['an ARP reply in an 802.1ad VLAN 0 tag', tagged('serviceVlan')],
  ['an ARP reply in two VLAN 0 tags', tagged('vlan', 'vlan')],
  ['an ARP reply in tags of both kinds', tagged('serviceVlan', 'vlan')],
  ['an ARP reply in three VLAN 0 tags', tagged('serviceVlan', 'serviceVlan', 'vlan')],
  ['an ARP reply behind a SNAP header', [snapFrame({ from }, reply)]],
  ['a UDP packet', [frame({ from }, udp({ from: SERVICE_ADDRESS, to: VICTIM }, 53))]],
  ['a TCP segment', [frame({ from }, syn({ from: SERVICE_ADDRESS, to: VICTIM }, 22, 5030))]],
  ['an ICMP packet', [frame({ from }, icmp({ from: SERVICE_ADDRESS, to: VICTIM }, 'echo'))]],
  ['a packet in a VLAN 0 tag', [frame({ from }, udp({ from: SERVICE_ADDRESS, to: VICTIM }, 53), ['vlan'])]],
  ['a packet behind a SNAP header', [snapFrame({ from }, udp({ from: SERVICE_ADDRESS, to: VICTIM }, 53))]],
];

/** The last of what is sent: an honest question, from a MAC of its own. */
const honest = frame(
  { from: CONTROL },
  arp({ operation: 'request', sender: { mac: CONTROL, ip: '192.168.1.66' }, target: { ip: GATEWAY } }),
);

/** A packet to the service address that the bridge knows no port for, so that it floods it. */
const flooded = frame(
  { from: FORGER, to: '02:77:77:77:77:77' },
  udp({ from: '192.168.1.66', to: SERVICE_ADDRESS }, 53),
);

/** How many of the forged frames reach the victim. */
async function arriving(
  frames: readonly string[],
  sender: 'attacker' | 'outside' = 'attacker',
): Promise<number> {
  const count = await countAt(scene.victim, {
    forged: `ether saddr ${FORGER}`,
    honest: `ether saddr ${CONTROL}`,
  });
  await send(scene[sender], [...frames, honest]);
  return (await untilSeen(count, 'honest')).forged ?? 0;
}

describe.each(['attacker', 'outside'] as const)('nobody is taken for the service address: %s', (sender) => {
  beforeEach(async () => {
    // Without it the kernel does not believe a second answer within a second, whoever it comes from.
    await scene.victim.sh('echo 0 >/proc/sys/net/ipv4/neigh/eth0/locktime');
    expect(await reaches(scene.victim)).toBe(true);
  });

  test.each(CLAIMS)('%s', async (_, frames) => {
    expect(await arriving(frames, sender)).toBe(0);
    expect(await scene.victim.sh(`ip neigh show ${SERVICE_ADDRESS}`)).toContain(scene.serviceMac);
    expect(await reaches(scene.victim)).toBe(true);
  });
});

test.each(['attacker', 'outside'] as const)(
  'what is sent to the address reaches nobody else, though the bridge floods it: %s',
  async (sender) => {
    expect(await arriving([flooded], sender)).toBe(0);
  },
);

describe('the place of the veth in the bridge is not for the taking', () => {
  const THEFTS: readonly (readonly [string, (mac: string) => string])[] = [
    [
      'by an ordinary frame with its MAC',
      (mac) =>
        frame(
          { from: mac, to: BROADCAST },
          arp({ operation: 'request', sender: { mac, ip: '192.168.1.6' }, target: { ip: GATEWAY } }),
        ),
    ],
    ['by an LLDP frame, which no nft hook sees', lldpFrame],
  ];

  test.each(THEFTS)('%s', async (_, theft) => {
    await send(scene.attacker, [theft(scene.serviceMac)]);
    expect(await reaches(scene.victim)).toBe(true);
    expect(await scene.box.sh('bridge fdb show br br0')).toMatch(
      new RegExp(`^${scene.serviceMac} dev br0b sticky master br0 static`, 'm'),
    );
  });

  test.each(THEFTS)('it would be, were its MAC not pinned: %s', async (_, theft) => {
    await scene.box.sh(`bridge fdb delete ${scene.serviceMac} dev br0b master || true`);
    await send(scene.attacker, [theft(scene.serviceMac)]);
    expect(await reaches(scene.victim)).toBe(false);
    await scene.box.sh(`bridge fdb replace ${scene.serviceMac} dev br0b master static sticky`);
    expect(await reaches(scene.victim)).toBe(true);
  });
});

// Last: the guard does not come back. The chain of the bridge has to go too: it keeps requests for the address to our port.
describe('without the guard they all arrive, so the tests above can fail', () => {
  beforeAll(() =>
    scene.box.sh('nft "flush chain bridge one_tproxy guard; flush chain bridge one_tproxy ch_br0"'),
  );

  test.each(CLAIMS)('%s', async (_, frames) => {
    expect(await arriving(frames)).toBe(frames.length);
  });

  // By the uplink: what guests send is led to the veth before it can be flooded.
  test('what is sent to the address, flooded', async () => {
    expect(await arriving([flooded], 'outside')).toBe(1);
  });
});
