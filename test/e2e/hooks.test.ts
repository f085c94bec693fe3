import { afterEach, beforeEach, expect, test } from 'vitest';
import { addBridge, addGuest, addUpstreamHost, removeGuest } from '../support/network.ts';
import { ask, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

let site: Site;

beforeEach(async () => {
  site = await createSite({ services: { 5030: `${UPSTREAM_ADDRESS}:1111` } });
  await startGreeter(site.host, 1111, 'first');
});

afterEach(async () => {
  await site.box.close();
});

test('a deployed guest reaches its service, and nothing is left when it has gone', async () => {
  const { box, hypervisor, guest } = site;
  expect(await hypervisor.leftovers()).toEqual([]);
  await hypervisor.deploy(guest);
  expect(await ask(guest, 5030)).toBe('first');
  await removeGuest(box, guest);
  await hypervisor.undeploy(guest);
  expect(await hypervisor.leftovers()).toEqual([]);
  expect((await hypervisor.tproxy('status')).status).toBe(3);
});

test('deploying the same guest again changes nothing', async () => {
  const { box, hypervisor, guest } = site;
  await hypervisor.deploy(guest);
  const ruleset = await box.sh('nft -a list ruleset | grep -v expires');
  const links = await box.sh('ip -o link show');
  const daemons = await hypervisor.daemons();
  await hypervisor.deploy(guest);
  expect(await box.sh('nft -a list ruleset | grep -v expires')).toBe(ruleset);
  expect(await box.sh('ip -o link show')).toBe(links);
  expect(await hypervisor.daemons()).toEqual(daemons);
});

test('the plumbing stays until the last guest of the bridge has gone', async () => {
  const { box, hypervisor, guest, bridge } = site;
  const other = await addGuest(box, bridge, { ip: '192.168.150.12' });
  await hypervisor.deploy(guest);
  await hypervisor.deploy(other);
  await removeGuest(box, guest);
  await hypervisor.undeploy(guest);
  expect(await ask(other, 5030)).toBe('first');
  await removeGuest(box, other);
  await hypervisor.undeploy(other);
  expect(await hypervisor.leftovers()).toEqual([]);
});

test('the bridge may be gone before the clean hook runs', async () => {
  const { box, hypervisor, guest, bridge } = site;
  await hypervisor.deploy(guest);
  await removeGuest(box, guest);
  await box.sh(`ip link delete ${bridge}`);
  await hypervisor.undeploy(guest);
  expect(await hypervisor.leftovers()).toEqual([]);
});

test('one service port on two bridges leads to two upstreams', async () => {
  const { box, hypervisor, guest } = site;
  const otherHost = await addUpstreamHost(box, '10.11.12.14');
  await startGreeter(otherHost, 1111, 'second');
  // Of two matching entries the first one counts; the network without a name of its own here gets the other.
  hypervisor.configure(`
:tproxy:
- :service_port: 5030
  :remote_addr: 10.11.12.14
  :remote_port: 1111
  :networks: [blue, 17]
- :service_port: 5030
  :remote_addr: ${UPSTREAM_ADDRESS}
  :remote_port: 1111
`);
  await addBridge(box, 'br1');
  // The same address on both: the networks know nothing of each other.
  const blue = await addGuest(box, 'br1', { ip: guest.ip });
  await hypervisor.deploy(guest, { network: 'red', networkId: 3 });
  await hypervisor.deploy(blue, { network: 'blue', networkId: 4 });
  expect(await ask(guest, 5030)).toBe('first');
  expect(await ask(blue, 5030)).toBe('second');
  await removeGuest(box, guest);
  await hypervisor.undeploy(guest, { network: 'red', networkId: 3 });
  expect(await ask(blue, 5030)).toBe('second');
  await removeGuest(box, blue);
  await hypervisor.undeploy(blue, { network: 'blue', networkId: 4 });
  expect(await hypervisor.leftovers()).toEqual([]);
});

test.each(['bridge', 'fw', '802.1Q', 'vxlan', 'elastic', 'nodeport'])(
  'the hooks of driver %s deploy and clean',
  async (vnMad) => {
    const { box, hypervisor, guest } = site;
    await hypervisor.deploy(guest, { vnMad });
    expect(await ask(guest, 5030)).toBe('first');
    await removeGuest(box, guest);
    await hypervisor.undeploy(guest, { vnMad });
    expect(await hypervisor.leftovers()).toEqual([]);
  },
);

test('a network that no service is meant for gets no plumbing', async () => {
  const { box, hypervisor, guest } = site;
  hypervisor.configure(`
:tproxy:
- :service_port: 5030
  :remote_addr: ${UPSTREAM_ADDRESS}
  :remote_port: 1111
  :networks: [blue]
`);
  await hypervisor.deploy(guest, { network: 'red', networkId: 3 });
  // That the guest is there may be on record.
  expect((await hypervisor.leftovers()).filter((left) => !left.startsWith('file '))).toEqual([]);
  expect((await hypervisor.tproxy('status')).status).toBe(3);
  await removeGuest(box, guest);
  await hypervisor.undeploy(guest, { network: 'red', networkId: 3 });
  expect(await hypervisor.leftovers()).toEqual([]);
});

test('input that is no template is refused in a line, and nothing changes', async () => {
  const { box, hypervisor } = site;
  const result = await box.run(['/var/tmp/one/vnm/bridge/pre.d/50-tproxy'], {
    input: 'this is no template\n',
  });
  expect(result.status).toBe(1);
  expect(result.stderr).toMatch(/^ERROR: pre: .+\n$/);
  expect(await hypervisor.leftovers()).toEqual([]);
});

test('many guests that are deployed at once all reach their service', async () => {
  const { box, hypervisor, bridge } = site;
  const guests = await Promise.all(
    [21, 22, 23, 24, 25, 26].map((last) => addGuest(box, bridge, { ip: `192.168.150.${last}` })),
  );
  await Promise.all(guests.map((guest) => hypervisor.deploy(guest)));
  expect(await Promise.all(guests.map((guest) => ask(guest, 5030)))).toEqual(guests.map(() => 'first'));
  await Promise.all(guests.map((guest) => removeGuest(box, guest)));
  await removeGuest(box, site.guest);
  await Promise.all(guests.map((guest) => hypervisor.undeploy(guest)));
  expect(await hypervisor.leftovers()).toEqual([]);
});
