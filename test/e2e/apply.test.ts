import { readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mapByHand, plumbByHand } from '../support/hypervisor.ts';
import { addBridge, addGuest, removeGuest } from '../support/network.ts';
import { ask, configFor, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

const FIRST = `${UPSTREAM_ADDRESS}:1111`;
const SECOND = `${UPSTREAM_ADDRESS}:2222`;
const NETNS = 'one_tproxy_br0';

let site: Site;

beforeEach(async () => {
  site = await createSite({ services: { 5030: FIRST } });
  await Promise.all([startGreeter(site.host, 1111, 'first'), startGreeter(site.host, 2222, 'second')]);
});

afterEach(async () => {
  await site.box.close();
});

/** Everything that plan could change, as text. */
function stateOf({ box }: Site): Promise<string> {
  return box.sh(`
    nft -a list ruleset | grep -v expires || true; ip link show; ip netns list
    for netns in /run/netns/one_tproxy_*; do
      nsenter --net="$netns" ip address show || true; nsenter --net="$netns" ip route show || true
    done
    ls -lR --time-style=+ /run/one_tproxy 2>/dev/null || true
    ps -eo pid,args | grep '[o]ne_tproxy' | grep -v nsenter || true
  `);
}

describe('damage is repaired, and the guest is served again', () => {
  test.each([
    ['veth deleted', `ip link delete br0b`],
    ['veth out of the bridge', `ip link set br0b nomaster`],
    ['veth down', `ip link set br0b down`],
    ['inner end down', `ip -n ${NETNS} link set br0a down`],
    ['address missing', `ip -n ${NETNS} address flush dev br0a`],
    ['route missing', `ip -n ${NETNS} route delete default`],
    ['namespace deleted under a live listener', `ip netns delete ${NETNS}`],
    ['netns file without namespace', `umount /run/netns/${NETNS}`],
    ['nft table flushed by someone', `nft flush ruleset`],
    ['endpoint map emptied', `nft flush map ip one_tproxy ep_br0`],
    ['ARP chain flushed', `nft flush chain bridge one_tproxy ch_br0`],
    ['listener and forwarder killed', `pkill -KILL -f '^(tproxy_watch|one_tproxy)'`],
  ])('%s', async (_name, damage) => {
    const { box, hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    expect(await ask(guest, 5030)).toBe('first');
    await box.sh(damage);
    const before = await stateOf(site);
    const plan = await hypervisor.must('plan');
    expect(plan).not.toContain('nothing to do');
    if (!damage.includes('pkill')) expect(await stateOf(site)).toBe(before);
    await hypervisor.must('apply');
    await guest.sh('ip neigh flush all');
    expect(await ask(guest, 5030)).toBe('first');
    expect(await hypervisor.must('plan')).toBe('nothing to do\n');
    expect(await hypervisor.must('apply')).toBe('nothing to do\n');
  });

  test('bridge deleted and re-made', async () => {
    const { box, hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    await box.sh('ip link delete br0');
    await addBridge(box, 'br0');
    await box.sh(`ip link set ${guest.device} master br0`);
    await hypervisor.must('apply');
    await guest.sh('ip neigh flush all');
    expect(await ask(guest, 5030)).toBe('first');
  });
});

describe('the configuration reaches running guests', () => {
  test('changed, added and removed services, at once', async () => {
    const { hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    hypervisor.configure(configFor({ 5030: SECOND, 80: FIRST }));
    expect(await hypervisor.must('plan')).toMatch(/^br0: change endpoints of br0: .*\+80 to/m);
    expect(await ask(guest, 5030)).toBe('first');
    await hypervisor.must('apply');
    expect(await ask(guest, 5030)).toBe('second');
    expect(await ask(guest, 80)).toBe('first');
    hypervisor.configure(configFor({ 80: FIRST }));
    await hypervisor.must('apply');
    expect(await ask(guest, 5030)).toBe('ECONNREFUSED');
    expect(await ask(guest, 80)).toBe('first');
  });

  test('a configuration with a fault changes nothing', async () => {
    const { hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    const before = await stateOf(site);
    hypervisor.configure(':tproxy:\n- :service_port: 5030\n  :remote_adr: 10.0.0.1\n  :remote_port: 1\n');
    const { status, stderr } = await hypervisor.tproxy('apply');
    expect(status).toBe(2);
    expect(stderr).toContain('remote_addr');
    expect(stderr).toContain('nothing was changed');
    expect(await stateOf(site)).toBe(before);
  });

  test('without a configuration guests keep what they have, and damage is repaired', async () => {
    const { box, hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    const before = await stateOf(site);
    const planned = await hypervisor.tproxy('--config', '/run/test/a slip', 'plan');
    expect(planned).toMatchObject({ status: 0, stdout: 'nothing to do\n' });
    expect(planned.stderr).toMatch(/^WARNING: there is no \/run\/test\/a slip: guests keep .+\n$/);
    await box.sh('rm /var/tmp/one/etc/vnm/OpenNebulaNetwork.conf');
    expect(await hypervisor.must('apply')).toBe('nothing to do\n');
    expect(await stateOf(site)).toBe(before);
    await box.sh('ip link set br0b nomaster');
    await hypervisor.must('apply');
    await guest.sh('ip neigh flush all');
    expect(await ask(guest, 5030)).toBe('first');
  });

  test('no service any more: all of it goes', async () => {
    const { hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    hypervisor.configure(':tproxy: []\n');
    await hypervisor.must('apply');
    expect(await ask(guest, 5030)).not.toBe('first');
    expect((await hypervisor.leftovers()).filter((line) => !line.includes('attachments'))).toEqual([]);
  });
});

describe('leftovers', () => {
  test('of a VM that vanished without its clean hook', async () => {
    const { box, hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    await removeGuest(box, guest);
    // The record alone does not keep it: nobody is behind it and its boot is long ago.
    const [record = ''] = readdirSync(box.path('/run/one_tproxy/attachments'));
    const path = box.path(`/run/one_tproxy/attachments/${record}`);
    const text = await box.sh(`cat /run/one_tproxy/attachments/${record}`);
    writeFileSync(
      path,
      text.replaceAll(/"boot_?[iI]d":\s*"[^"]*"/g, (match) => match.replace(/"[^"]*"$/, '"another"')),
    );
    await hypervisor.must('apply');
    expect(await hypervisor.leftovers()).toEqual([]);
  });

  test('of a bridge that vanished', async () => {
    const { box, hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    await removeGuest(box, guest);
    await box.sh('ip link delete br0');
    await hypervisor.must('apply');
    expect((await hypervisor.leftovers()).filter((line) => !line.includes('attachments'))).toEqual([]);
  });

  test('a damaged record is set aside with an error, and is not fatal', async () => {
    const { box, hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    writeFileSync(box.path('/run/one_tproxy/attachments/vm-99-0.json'), '{"half');
    const planned = await hypervisor.tproxy('plan');
    expect(planned.status).toBe(0);
    expect(readdirSync(box.path('/run/one_tproxy/attachments'))).toContain('vm-99-0.json');
    const { status, stderr } = await hypervisor.tproxy('apply');
    expect(status).toBe(0);
    expect(stderr).toContain('set aside');
    expect(readdirSync(box.path('/run/one_tproxy/attachments'))).toContain('vm-99-0.json.damaged');
    expect(await ask(guest, 5030)).toBe('first');
  });
});

describe("on plumbing by somebody else's driver", () => {
  test('guests keep what they have, and damage is repaired', async () => {
    const { box, hypervisor, guest } = site;
    await plumbByHand(box, 'br0', { 7000: `${UPSTREAM_ADDRESS} . 2222` });
    await hypervisor.must('start');
    await box.sh('ip link set br0b nomaster');
    await hypervisor.must('apply');
    await guest.sh('ip neigh flush all');
    expect(await ask(guest, 7000)).toBe('second');
    expect(await ask(guest, 5030)).toBe('ECONNREFUSED');
  });

  test('what is being deployed right now, before the guest has a port, stays', async () => {
    const { box, hypervisor } = site;
    await addBridge(box, 'br9');
    await plumbByHand(box, 'br9', { 7000: `${UPSTREAM_ADDRESS} . 2222` });
    expect(await hypervisor.must('apply')).toContain('br9: left as it is: somebody else plumbed it');
    const guest = await addGuest(box, 'br9', { ip: '192.168.150.77' });
    await mapByHand(box, 'br9', { 7000: `${UPSTREAM_ADDRESS} . 1111` });
    await hypervisor.must('start');
    expect(await ask(guest, 7000)).toBe('first');
  });
});
