import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { detach } from '../../../src/driver/down.ts';
import { attach } from '../../../src/driver/up.ts';
import { addBridge } from '../../support/network.ts';
import type { Place } from '../../support/place.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { type BoxDeps, boxDeps, service, vm } from './box-deps.ts';

const SERVICES = [service(5030, '10.11.12.13:5030')];
const NIC = { ...vm(1, 'br0', 'a'), uplinks: ['uplink'] };

let boxes: [Sandbox, Sandbox];
let deps: [BoxDeps, BoxDeps];
let guest: Place;

/**
 * Two hypervisors with one network between them. The guest is behind a bridge of its own that has a port on each of them,
 * so that moving it does not take its carrier away, as a live migration does not.
 */
beforeEach(async () => {
  boxes = [await Sandbox.create(), await Sandbox.create()];
  deps = [boxDeps(boxes[0]), boxDeps(boxes[1])];
  for (const box of boxes) await addBridge(box, 'br0');
  join(boxes[0], 'uplink', boxes[1], 'uplink');
  for (const box of boxes) await box.sh('ip link set uplink master br0 up');
  await boxes[0].sh(`
    ip netns add fabric
    ip -n fabric link add name switch type bridge forward_delay 0
    ip -n fabric link set switch up
    ip link add one-1-0 type veth peer name first netns fabric
    ip netns add guest
    ip -n fabric link add port type veth peer name eth0 netns guest
    ip -n fabric link set port master switch up
    ip -n fabric link set first master switch
    ip link set one-1-0 master br0 up
    ip -n guest address add 192.168.1.1/24 dev eth0
    ip -n guest link set eth0 up
    ip -n guest route add 169.254.16.9 dev eth0 scope link
  `);
  join(boxes[0], 'second', boxes[1], 'one-1-0');
  await boxes[0].sh('ip link set second netns fabric; ip -n fabric link set second master switch');
  await boxes[1].sh('ip link set one-1-0 master br0 up');
  guest = boxes[0].netns('guest');
});

afterEach(async () => {
  await Promise.all(boxes.map((box) => box.close()));
});

/** A cable between two sandboxes. The machine makes it: neither of them can see the other. */
function join(left: Sandbox, leftName: string, right: Sandbox, rightName: string): void {
  const [here, there] = [left, right].map((box) => box.path('').split('/')[2] ?? '');
  const pair = ['link', 'add', leftName, 'type', 'veth', 'peer', 'name', rightName, 'netns', `${there}`];
  execFileSync('nsenter', [`--net=/proc/${here}/ns/net`, '--', 'ip', ...pair]);
}

/** True when the service address answers within this time. Nobody listens, so its answer is a refusal. */
async function answers(withinS: number): Promise<boolean> {
  const connect = 'exec 3<>/dev/tcp/169.254.16.9/5030';
  const { stderr } = await guest.run(['timeout', `${withinS}`, 'bash', '--norc', '-c', connect]);
  return stderr.includes('Connection refused');
}

async function macInGuestsCache(): Promise<string> {
  return (await guest.sh('ip neigh show 169.254.16.9')).split(' ')[4] ?? '';
}

async function serviceMac(box: Sandbox): Promise<string> {
  const text = await box.netns('one_tproxy_br0').sh('ip -o link show br0a');
  return /link\/ether (\S+)/.exec(text)?.[1] ?? 'none';
}

/** The guest is on the second hypervisor from now on, with the ARP cache that it has. */
async function migrate(): Promise<void> {
  await boxes[0].sh('ip -n fabric link set first down; ip -n fabric link set second up');
  // What QEMU and the guest do, so that the switches learn where it is.
  await guest.run(['arping', '-U', '-c', '1', '-w', '1', '-I', 'eth0', '192.168.1.1']);
}

beforeEach(async () => {
  await boxes[0].sh('ip -n fabric link set first up');
  await attach(NIC, SERVICES, deps[0]);
  expect(await answers(3)).toBe(true);
  expect(await macInGuestsCache()).toBe(await serviceMac(boxes[0]));
  await attach(NIC, SERVICES, deps[1]);
  expect(await serviceMac(boxes[1])).not.toBe(await serviceMac(boxes[0]));
});

describe('a guest that comes by live migration', () => {
  test('is served at once, although the hypervisor it comes from has taken its plumbing away', async () => {
    await migrate();
    await detach({ ...NIC, taps: ['one-1-0'] }, SERVICES, deps[0]);
    expect(await answers(1)).toBe(true);
  });

  test('is served by the nearest hypervisor, although the other one is still there', async () => {
    await migrate();
    const heard = await countOn(boxes[0]);
    expect(await answers(1)).toBe(true);
    expect(await heard()).toBe(0);
  });

  test('is not served without our chain: the test can fail', async () => {
    await boxes[1].sh('nft flush chain bridge one_tproxy nearest');
    await migrate();
    await detach({ ...NIC, taps: ['one-1-0'] }, SERVICES, deps[0]);
    expect(await answers(1)).toBe(false);
  });
});

/** Counts the frames for the service address that reach a hypervisor from now on. */
async function countOn(box: Sandbox): Promise<() => Promise<number>> {
  await box.sh('nft -f -', {
    input: `table bridge counting {
      chain c {
        type filter hook prerouting priority -400; policy accept;
        ip daddr 169.254.16.9 counter
      }
    }\n`,
  });
  return async () => Number(/packets (\d+)/.exec(await box.sh('nft list table bridge counting'))?.[1]);
}
