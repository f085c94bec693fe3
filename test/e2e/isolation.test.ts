import { afterAll, beforeAll, expect, test } from 'vitest';
import { addGuest, type Guest } from '../support/network.ts';
import { ask, createSite, program, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

let site: Site;
let other: Guest;

beforeAll(async () => {
  site = await createSite({ services: { 5030: `${UPSTREAM_ADDRESS}:1111` } });
  const { box, bridge, hypervisor, guest, host } = site;
  other = await addGuest(box, bridge, { ip: '192.168.150.12' });
  await startGreeter(host, 1111, 'served');
  await hypervisor.deploy(guest);
  await hypervisor.deploy(other);
});

afterAll(async () => {
  await site.box.close();
});

test('what listens on the hypervisor does not answer at 169.254.16.9', async () => {
  const { box, guest } = site;
  const server = box.spawn(program('greeter', '0.0.0.0', 9999, 'the hypervisor itself'));
  await server.waitFor(/^listening$/m);
  expect(await ask(guest, 9999)).toBe('ECONNREFUSED');
  await server.stop();
});

test('169.254.16.9 is no way to the backbone', async () => {
  const { guest } = site;
  await guest.sh(`ip route add ${UPSTREAM_ADDRESS} via 169.254.16.9 dev eth0 onlink`);
  const knock = `timeout 2 bash -c '</dev/tcp/${UPSTREAM_ADDRESS}/1111' && echo through || echo no way`;
  expect(await guest.sh(knock)).toBe('no way\n');
  expect(await ask(guest, 5030)).toBe('served');
});

test('nor to another guest', async () => {
  const { guest } = site;
  await startGreeter(other, 2222, 'another guest');
  // On the bridge they reach each other; through 169.254.16.9 they must not.
  const knock = `timeout 2 bash -c '</dev/tcp/${other.ip}/2222' && echo through || echo no way`;
  expect(await guest.sh(knock)).toBe('through\n');
  await guest.sh(`ip route add ${other.ip} via 169.254.16.9 dev eth0 onlink`);
  expect(await guest.sh(knock)).toBe('no way\n');
});

test('ARP requests for 169.254.16.9 reach no other port of the bridge', async () => {
  const { box, guest } = site;
  // Counted where they would arrive: in the other guest.
  await box.sh(`
    nsenter --net=/run/netns/${other.name} nft -f - <<'NFT'
    table netdev watch {
      chain eth0 {
        type filter hook ingress device "eth0" priority 0;
        arp operation request arp daddr ip 169.254.16.9 counter comment "service"
        arp operation request arp daddr ip 192.168.150.99 counter comment "control"
      }
    }
NFT
  `);
  await guest.sh('ip neigh flush dev eth0');
  expect(await ask(guest, 5030)).toBe('served');
  await guest.run(['arping', '-c', '2', '-w', '3', '-I', 'eth0', '169.254.16.9']);
  await guest.run(['arping', '-c', '2', '-w', '3', '-I', 'eth0', '192.168.150.99']);
  const seen = await other.sh('nft list table netdev watch');
  expect(/packets (\d+) .* comment "service"/.exec(seen)?.[1]).toBe('0');
  expect(Number(/packets (\d+) .* comment "control"/.exec(seen)?.[1])).toBeGreaterThan(0);
});
