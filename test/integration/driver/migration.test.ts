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
  await joinHosts(boxes[0], boxes[1], 'uplink', 'uplink');
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
  await joinHosts(boxes[0], boxes[1], 'second', 'one-1-0');
  await boxes[0].sh('ip link set second netns fabric; ip -n fabric link set second master switch');
  await boxes[1].sh('ip link set one-1-0 master br0 up');
  guest = boxes[0].netns('guest');
});

afterEach(async () => {
  await Promise.all(boxes.map((box) => box.close()));
});

/** A cable between two sandboxes. */
async function joinHosts(left: Sandbox, right: Sandbox, leftName: string, rightName: string): Promise<void> {
  const pid = right.processes()[0]?.pid ?? (await pidOf(right));
  await left.sh(`ip link add ${leftName} type veth peer name far`);
  await moveLink(left, 'far', pid);
  await right.sh(`ip link set far name ${rightName}`);
}
