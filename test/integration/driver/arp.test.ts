import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attach } from '../../../src/driver/up.ts';
import { addBridge, addGuest, type Guest } from '../../support/network.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { type BoxDeps, boxDeps, service, vm } from './box-deps.ts';

const SERVICES = [service(5030, '10.11.12.13:5030')];
const SERVICE_ADDRESS = '169.254.16.9';

let box: Sandbox;
let deps: BoxDeps;

beforeEach(async () => {
  box = await Sandbox.create();
  deps = boxDeps(box);
});

afterEach(() => box.close());

/** Two guests on a bridge; the second one counts the ARP requests that reach it. */
async function bridgeWithGuests(bridge: string, first: number): Promise<{ asker: Guest; listener: Guest }> {
  await addBridge(box, bridge);
  const asker = await addGuest(box, bridge, { ip: `192.168.${first}.1`, vmId: first });
  const listener = await addGuest(box, bridge, { ip: `192.168.${first}.2`, vmId: first + 1 });
  await listener.sh('nft -f -', {
    input: `table arp heard {
      chain input {
        type filter hook input priority 0; policy accept;
        arp operation request arp daddr ip ${SERVICE_ADDRESS} counter
        arp operation request arp daddr ip ${listener.ip} counter
      }
    }\n`,
  });
  return { asker, listener };
}

/** Requests that have reached the listener: for the service address, and for its own. */
async function heard(listener: Guest): Promise<number[]> {
  const ruleset = await listener.sh('nft list table arp heard');
  return [...ruleset.matchAll(/packets (\d+)/g)].map(([, packets]) => Number(packets));
}

/** The MAC that answers for an address, or undefined. */
async function whoHas(asker: Guest, address: string): Promise<string | undefined> {
  const { stdout } = await asker.run(['arping', '-c', '3', '-w', '3', '-f', '-I', 'eth0', address]);
  return /\[([0-9A-F:]+)\]/.exec(stdout)?.[1]?.toLowerCase();
}

async function macInNetns(bridge: string): Promise<string> {
  const text = await box.netns(`one_tproxy_${bridge}`).sh(`ip -o link show ${bridge}a`);
  return /link\/ether (\S+)/.exec(text)?.[1] ?? 'none';
}

describe('an ARP request for the service address', () => {
  test('is answered by our veth and reaches no other port, on two bridges at once', async () => {
    const first = await bridgeWithGuests('br0', 1);
    const second = await bridgeWithGuests('br1', 11);
    await attach(vm(1, 'br0', 'a'), SERVICES, deps);
    await attach(vm(11, 'br1', 'a'), SERVICES, deps);
    for (const [bridge, { asker, listener }] of [
      ['br0', first],
      ['br1', second],
    ] as const) {
      expect(await whoHas(asker, SERVICE_ADDRESS)).toBe(await macInNetns(bridge));
      expect((await heard(listener))[0]).toBe(0);
    }
  });

  test('reaches everybody without our rule: the test can fail', async () => {
    const { asker, listener } = await bridgeWithGuests('br0', 1);
    await attach(vm(1, 'br0', 'a'), SERVICES, deps);
    await box.sh('nft flush chain bridge one_tproxy ch_br0');
    expect(await whoHas(asker, SERVICE_ADDRESS)).toBe(await macInNetns('br0'));
    expect((await heard(listener))[0]).toBeGreaterThan(0);
  });

  test('still works on a bridge when the plumbing of another one goes', async () => {
    const { asker, listener } = await bridgeWithGuests('br0', 1);
    await bridgeWithGuests('br1', 11);
    await attach(vm(11, 'br1', 'a'), SERVICES, deps);
    await attach(vm(1, 'br0', 'a'), SERVICES, deps);
    await attach(vm(11, 'br1', 'a'), [], deps);
    expect(await whoHas(asker, SERVICE_ADDRESS)).toBe(await macInNetns('br0'));
    expect((await heard(listener))[0]).toBe(0);
  });
});

test('guests find one another as before', async () => {
  const { asker, listener } = await bridgeWithGuests('br0', 1);
  await attach(vm(1, 'br0', 'a'), SERVICES, deps);
  expect(await whoHas(asker, listener.ip)).toBeDefined();
  expect((await heard(listener))[1]).toBeGreaterThan(0);
});

test('the netns answers for no other address', async () => {
  const { asker } = await bridgeWithGuests('br0', 1);
  await attach(vm(1, 'br0', 'a'), SERVICES, deps);
  expect(await whoHas(asker, '192.168.1.99')).toBeUndefined();
  expect(await whoHas(asker, '127.0.0.1')).toBeUndefined();
});

test('a guest that had the address in its cache reaches it at once after the pair was made again', async () => {
  const { asker } = await bridgeWithGuests('br0', 1);
  const connect = ['timeout', '1', 'bash', '--norc', '-c', `exec 3<>/dev/tcp/${SERVICE_ADDRESS}/5030`];
  await attach(vm(1, 'br0', 'a'), SERVICES, deps);
  expect((await asker.run(connect)).stderr).toContain('Connection refused');
  await box.sh('ip link delete br0b');
  await attach(vm(1, 'br0', 'a'), SERVICES, deps);
  expect((await asker.run(connect)).stderr).toContain('Connection refused');
});
