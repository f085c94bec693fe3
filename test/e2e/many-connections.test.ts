import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addGuest, prepareForLoad } from '../support/network.ts';
import type { Program } from '../support/program.ts';
import { createSite, program, type Site, startServer, UPSTREAM_ADDRESS } from '../support/site.ts';

const CONNECTIONS = 2_000;
let site: Site;

beforeAll(async () => {
  site = await createSite({ services: { 9000: `${UPSTREAM_ADDRESS}:9000` } });
  const { box, guest, host, hypervisor } = site;
  await prepareForLoad(box, guest, host);
  await hypervisor.deploy(guest);
  await prepareForLoad(box.netns('one_tproxy_br0'));
  await startServer(host, 9000);
});

afterAll(async () => {
  await site.box.close();
});

async function crowd(count: number, guest = site.guest): Promise<Program> {
  const program_ = guest.spawn(program('crowd', '169.254.16.9', 9000, count));
  await program_.waitFor(new RegExp(`^open ${count}$`, 'm'));
  return program_;
}

async function disperse(program_: Program, count: number): Promise<void> {
  program_.stdin.write('\n');
  await program_.waitFor(new RegExp(`^again ${count}$`, 'm'));
  program_.stdin.write('\n');
  await program_.waitFor(new RegExp(`^closed ${count}$`, 'm'));
  expect(await program_.end()).toBe(0);
}

async function descriptors(): Promise<{ forwarder: number; listener: number }> {
  const { hypervisor, box } = site;
  const open = (pid: number) => readdirSync(box.path(`/proc/${pid}/fd`)).length;
  const [forwarder, listener] = [await hypervisor.forwarder(), await hypervisor.listener('br0')];
  return { forwarder: open(forwarder.pid), listener: open(listener.pid) };
}

test(`${CONNECTIONS} connections at once, and no descriptor stays behind`, async () => {
  // Whatever the daemons open on first use is open then.
  await disperse(await crowd(10), 10);
  await expect.poll(() => site.hypervisor.connections('br0').length).toBeGreaterThanOrEqual(10);
  const before = await descriptors();

  const all = await crowd(CONNECTIONS);
  const during = await descriptors();
  // A guest's socket and an upstream's for each.
  expect(during.forwarder).toBeGreaterThanOrEqual(before.forwarder + 2 * CONNECTIONS);
  await disperse(all, CONNECTIONS);

  await expect.poll(descriptors).toEqual(before);
});

test('a guest that drops its connections leaves nothing behind either', async () => {
  const before = await descriptors();
  const all = await crowd(CONNECTIONS);
  all.kill('SIGKILL');
  await all.end();
  await expect.poll(descriptors).toEqual(before);
});

test('a second guest is served while the first one holds its connections', async () => {
  const { box, bridge, hypervisor } = site;
  const other = await addGuest(box, bridge, { ip: '192.168.150.12' });
  await hypervisor.deploy(other);
  const before = await hypervisor.daemons();
  const held = await crowd(CONNECTIONS);
  await disperse(await crowd(50, other), 50);
  await disperse(held, CONNECTIONS);
  expect(await hypervisor.daemons()).toEqual(before);
});
