import { afterEach, beforeEach, expect, test } from 'vitest';
import { repairBeforeDaemons } from '../../../src/driver/repair.ts';
import { attach } from '../../../src/driver/up.ts';
import { addBridge, addGuest, type Guest } from '../../support/network.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { type BoxDeps, boxDeps, mapOf, service, vm } from './box-deps.ts';

const SERVICES = [service(5030, '10.11.12.13:5030')];
const MAP = { 5030: '10.11.12.13:5030' };

let box: Sandbox;
let deps: BoxDeps;
let first: Guest;

beforeEach(async () => {
  box = await Sandbox.create();
  deps = boxDeps(box);
  await addBridge(box, 'br0');
  await addBridge(box, 'br1');
  first = await addGuest(box, 'br0', { ip: '192.168.1.1', vmId: 1 });
  await addGuest(box, 'br1', { ip: '192.168.2.1', vmId: 2 });
  await attach(vm(1, 'br0', 'a'), SERVICES, deps);
  expect(await hearsService(first)).toBe(true);
  await box.sh('nft flush ruleset');
});

afterEach(() => box.close());

/** The guard drops what says it is from the service address by a port that is not in the set: the answers to ARP. */
async function hearsService(guest: Guest): Promise<boolean> {
  const asked = ['arping', '-c', '3', '-w', '3', '-f', '-I', 'eth0', '169.254.16.9'];
  return (await guest.run(asked)).status === 0;
}

test('the next VM on another bridge does not cut the guests of this one', async () => {
  await attach(vm(2, 'br1', 'a'), SERVICES, deps);
  expect(await hearsService(first)).toBe(true);
  expect(await mapOf(box, 'br0')).toEqual(MAP);
  expect(await mapOf(box, 'br1')).toEqual(MAP);
  const ports = await box.sh('nft list set bridge one_tproxy veth_ports');
  expect([...ports.matchAll(/"(br\d+b)"/g)].map(([, port]) => port).sort()).toEqual(['br0b', 'br1b']);
  expect(deps.lines).toContain(
    'WARNING nft has lost the endpoints of br0, where guests are (was it flushed?): putting them back',
  );
});

test('a bridge whose guests are gone does not come back', async () => {
  await box.sh(`ip link delete ${first.device}`);
  await attach(vm(2, 'br1', 'a'), SERVICES, deps);
  await expect(mapOf(box, 'br0')).rejects.toThrow('bridge br0 has no endpoint map');
});

test('before daemons follow nft, it gets back what it has lost', async () => {
  await repairBeforeDaemons(async () => ({ services: SERVICES, deps }), deps);
  expect(await mapOf(box, 'br0')).toEqual(MAP);
  expect(await hearsService(first)).toBe(true);
});

test.each([
  ['there is no configuration', undefined],
  ['it has no service', []],
])('daemons are not asked to serve nobody when %s', async (_, services) => {
  const repaired = repairBeforeDaemons(async () => ({ services, deps }), deps);
  await expect(repaired).rejects.toThrow('nft has no endpoints for br0, although guests are recorded there');
  // The rest of its plumbing stays.
  await box.sh('ip link show br0b; ip -n one_tproxy_br0 link show br0a');
});
