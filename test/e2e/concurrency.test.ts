import { afterEach, beforeEach, expect, test } from 'vitest';
import { addBridge, addGuest, type Guest, removeGuest } from '../support/network.ts';
import { ask, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

const GUESTS = 40;
const BRIDGES = ['br0', 'br1', 'br2', 'br3'];
/** Guests of a bridge are of two networks, and each network has a service of its own. */
const CONFIG = `
:tproxy:
- :service_port: 5030
  :remote_addr: ${UPSTREAM_ADDRESS}
  :remote_port: 1111
- :service_port: 81
  :remote_addr: ${UPSTREAM_ADDRESS}
  :remote_port: 1111
  :networks: [even]
- :service_port: 82
  :remote_addr: ${UPSTREAM_ADDRESS}
  :remote_port: 1111
  :networks: [odd]
`;

let site: Site;
let guests: Guest[];

beforeEach(async () => {
  site = await createSite();
  site.hypervisor.configure(CONFIG);
  await startGreeter(site.host, 1111, 'first');
  await removeGuest(site.box, site.guest);
  for (const bridge of BRIDGES.slice(1)) await addBridge(site.box, bridge);
  guests = [];
  for (let i = 0; i < GUESTS; i += 1) {
    const bridge = BRIDGES[i % BRIDGES.length] ?? 'br0';
    guests.push(await addGuest(site.box, bridge, { ip: `192.168.151.${i + 1}`, vmId: 100 + i }));
  }
});

afterEach(async () => {
  await site.box.close();
});

function network(guest: Guest): { network: string; networkId: number } {
  // Of the guests of a bridge, every second one.
  return Math.floor((guest.vmId - 100) / BRIDGES.length) % 2 === 0
    ? { network: 'even', networkId: 0 }
    : { network: 'odd', networkId: 1 };
}

function ports({ box }: Site, bridge: string): Promise<string[]> {
  return box
    .sh(`nft -j list map ip one_tproxy ep_${bridge} | grep -oE '\\[\\[?[0-9]+,' | tr -dc '0-9\\n' || true`)
    .then((text) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .sort(),
    );
}

test('forty VMs come and go at once, on shared bridges, and the end is exactly right', async () => {
  const { box, hypervisor } = site;
  await Promise.all(guests.map((guest) => hypervisor.deploy(guest, network(guest))));
  for (const bridge of BRIDGES) expect(await ports(site, bridge)).toEqual(['5030', '81', '82']);
  expect(await hypervisor.daemons()).toHaveLength(1 + BRIDGES.length);

  // The odd network leaves br0 and br1; everybody leaves br2; twenty more calls repeat what holds already.
  const leaving = guests.filter(
    (guest) => guest.bridge === 'br2' || (guest.bridge !== 'br3' && network(guest).network === 'odd'),
  );
  const staying = guests.filter((guest) => !leaving.includes(guest));
  for (const guest of leaving) await removeGuest(box, guest);
  await Promise.all([
    ...leaving.map((guest) => hypervisor.undeploy(guest, network(guest))),
    ...staying.slice(0, 20).map((guest) => hypervisor.deploy(guest, network(guest))),
  ]);
  expect(await ports(site, 'br0')).toEqual(['5030', '81']);
  expect(await ports(site, 'br1')).toEqual(['5030', '81']);
  expect(await ports(site, 'br3')).toEqual(['5030', '81', '82']);
  const titles = (await hypervisor.daemons()).map(({ title }) => title);
  expect(titles).toEqual(['one_tproxy', 'one_tproxy_br0', 'one_tproxy_br1', 'one_tproxy_br3']);
  expect(await box.sh('ip netns list | grep one_tproxy_br2 || true')).toBe('');
  const [guest] = staying;
  if (guest === undefined) throw new Error('nobody stays');
  expect(await ask(guest, 5030)).toBe('first');
  expect(await hypervisor.must('plan')).toBe('nothing to do\n');

  for (const last of staying) await removeGuest(box, last);
  await Promise.all(staying.map((last) => hypervisor.undeploy(last, network(last))));
  expect(await hypervisor.leftovers()).toEqual([]);
});
