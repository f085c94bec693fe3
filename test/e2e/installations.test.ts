import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { plumbByHand } from '../support/hypervisor.ts';
import { MachineImage } from '../support/machine-image.ts';
import { addBridge, addGuest, type Guest, removeGuest } from '../support/network.ts';
import { makePackages, removePackages, VERSION } from '../support/packages.ts';
import type { Finished } from '../support/program.ts';
import { ask, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';
import { templateFor } from '../support/template.ts';

/**
 * The ways of installing the program beside OpenNebula's own drivers, from the tarball, each on a stock tree: the
 * executable alone, the hooks, the Ruby shim, and the last two together.
 */
const VNM = '/var/tmp/one/vnm';
const SERVICES = { 5030: `${UPSTREAM_ADDRESS}:1111` };

let out: string;
let site: Site;

beforeAll(() => {
  out = makePackages();
});

afterAll(() => removePackages(out));

beforeEach(async () => {
  site = await createSite({ services: SERVICES });
  await startGreeter(site.host, 1111, 'first');
  // A stock tree in the place of what the site has put there, and the unpacked tarball.
  await site.box.sh(`
    rm -rf ${VNM} && mkdir -p ${VNM}/bridge
    for name in tproxy tproxy.rb bridge/pre bridge/clean; do echo "stock $name" >${VNM}/$name; done
    mkdir /run/test/tarball && tar -xzf ${out}/tproxy-${VERSION}.tar.gz -C /run/test/tarball --strip-components=1
  `);
});

afterEach(async () => {
  await site.box.close();
});

const installer = (...args: readonly string[]): Promise<string> =>
  site.box.sh(`/run/test/tarball/install.sh ${args.join(' ')} --to ${VNM}`);

/** The stock drivers' own plumbing, command by command, and then the verbs by way of sudo. */
async function stockUp(bridge: string): Promise<void> {
  const netns = `one_tproxy_${bridge}`;
  await site.box.sh(`
    ip link show ${bridge}b >/dev/null 2>&1 || ip link add ${bridge}b type veth peer name ${bridge}a
    ip link set dev ${bridge}b master ${bridge} up
    ip netns pids ${netns} >/dev/null 2>&1 || ip netns add ${netns}
    ! ip link show ${bridge}a >/dev/null 2>&1 || ip link set ${bridge}a netns ${netns}
    ip netns exec ${netns} ip address replace 169.254.16.9/32 dev ${bridge}a
    ip netns exec ${netns} ip link set dev ${bridge}a up
    ip netns exec ${netns} ip route replace default dev ${bridge}a
    nft -f - <<NFT
table ip one_tproxy { map ep_${bridge} { type inet_service : ipv4_addr . inet_service; }; };
flush map ip one_tproxy ep_${bridge};
add element ip one_tproxy ep_${bridge} {5030 : ${UPSTREAM_ADDRESS} . 1111};
NFT
    sudo -n ${VNM}/tproxy start
    sudo -n ${VNM}/tproxy reload
  `);
}

async function stockDown(bridge: string): Promise<void> {
  await site.box.sh(`
    nft delete map ip one_tproxy ep_${bridge}
    ip link delete ${bridge}b
    ip netns delete one_tproxy_${bridge}
    sudo -n ${VNM}/tproxy start
    sudo -n ${VNM}/tproxy reload
  `);
}

type CalledFor = Pick<Guest, 'bridge' | 'vmId' | 'nicId'>;

interface RubyCall {
  readonly network?: string;
  /** Further fields of the NIC, as stock drivers have them from the template. */
  readonly fields?: Readonly<Record<string, string>>;
  /** A driver of OpenNebula's that has read this VM, as the shim finds it. */
  readonly driverOf?: number;
}

/** What a stock driver does with the file that `require 'tproxy'` finds. */
function rubyCall(
  direction: 'up' | 'down',
  { bridge, vmId, nicId }: CalledFor,
  { network = 'private', fields = {}, driverOf }: RubyCall = {},
): string[] {
  const nic = {
    bridge,
    network,
    network_id: '0',
    nic_id: `${nicId}`,
    target: `one-${vmId}-${nicId}`,
    mac: '02:00:c0:a8:96:0b',
    ...fields,
  };
  const pairs = Object.entries(nic).map(([key, value]) => `:${key} => '${value}'`);
  const driver = `
    module VNMMAD; class VNMDriver; def vm; { 'ID' => '${driverOf}' }; end; end; end
    driver = VNMMAD::VNMDriver.new`;
  const script = `
    require 'tproxy'
    ${driverOf === undefined ? '' : driver}
    nic = { ${pairs.join(', ')} }
    VNMMAD::TProxy.setup_tproxy(nic, :${direction})
    puts VNMMAD::TProxy.veth(nic)`;
  return ['ruby', '-I', VNM, '-e', script];
}

const ruby = (direction: 'up' | 'down', guest: CalledFor, call?: RubyCall): Promise<Finished> =>
  site.box.run(rubyCall(direction, guest, call));

describe('the executable alone', () => {
  beforeEach(() => installer('install --only executable'));

  test('serves what the stock drivers plumb, and ends with it', async () => {
    const { hypervisor, guest, bridge } = site;
    await stockUp(bridge);
    expect(await ask(guest, 5030)).toBe('first');
    // Every further VM does it all again.
    const before = await hypervisor.daemons();
    await stockUp(bridge);
    expect(await hypervisor.daemons()).toEqual(before);
    expect(await ask(guest, 5030)).toBe('first');
    await stockDown(bridge);
    expect((await hypervisor.tproxy('status')).status).toBe(3);
  });

  test('leaves the stock drivers as they are', async () => {
    expect(await site.box.sh(`cat ${VNM}/tproxy.rb ${VNM}/bridge/pre; ls ${VNM}/bridge`)).toBe(
      'stock tproxy.rb\nstock bridge/pre\nclean\npre\n',
    );
  });
});

describe("daemons of OpenNebula's own tproxy in Ruby that still run", () => {
  beforeEach(() => installer('install'));

  /** As theirs are for us: the title, root, Ruby, the namespace, a port that is taken. */
  async function startRuby(): Promise<void> {
    const { box, bridge } = site;
    await plumbByHand(box, bridge, { 5030: `${UPSTREAM_ADDRESS} . 1111` });
    const forwarder = "Process.setproctitle('one_tproxy'); puts 'runs'; $stdout.flush; sleep";
    const listener = `
      require 'socket'
      Process.setproctitle('one_tproxy_${bridge}')
      server = TCPServer.new('169.254.16.9', 5030)
      puts 'runs'; $stdout.flush
      loop { client = server.accept; client.write('from ruby'); client.close }`;
    await box.spawn(['ruby', '-e', forwarder]).waitFor(/runs/);
    await box.netns(`one_tproxy_${bridge}`).spawn(['ruby', '-e', listener]).waitFor(/runs/);
  }

  const titles = async (): Promise<string[]> =>
    (await site.hypervisor.tproxy('status')).stdout.split('\n').map((line) => line.replace(/: \d+$/, ''));

  test.each<[string, () => Promise<Finished | string>]>([
    ['start', () => site.hypervisor.must('start')],
    ['reload', () => site.hypervisor.must('reload')],
    ['restart', () => site.hypervisor.must('restart')],
    ['apply', () => site.hypervisor.must('apply')],
    ['up', () => site.hypervisor.deploy(site.guest)],
  ])('%s takes over from them', async (_verb, act) => {
    await startRuby();
    expect(await ask(site.guest, 5030)).toBe('from ruby');
    expect(await titles()).toEqual(['one_tproxy', 'one_tproxy_br0', '']);
    await act();
    expect(await ask(site.guest, 5030)).toBe('first');
    expect(await titles()).toEqual(['one_tproxy', 'one_tproxy_br0', '']);
    expect(site.box.processes().filter(({ cmdline }) => cmdline.startsWith('one_tproxy'))).toHaveLength(2);
  });

  test('stop ends them', async () => {
    await startRuby();
    await site.hypervisor.must('stop');
    expect(site.box.processes().filter(({ cmdline }) => cmdline.startsWith('one_tproxy'))).toEqual([]);
  });
});

describe('the hooks', () => {
  beforeEach(() => installer('install --only hooks'));

  test('plumb and clear up', async () => {
    const { box, hypervisor, guest } = site;
    await hypervisor.deploy(guest);
    expect(await ask(guest, 5030)).toBe('first');
    await removeGuest(box, guest);
    await hypervisor.undeploy(guest);
    expect(await hypervisor.leftovers()).toEqual([]);
    expect(await box.sh(`cat ${VNM}/tproxy.rb`)).toBe('stock tproxy.rb\n');
  });
});

describe('the shim', () => {
  beforeEach(() => installer('install --only shim'));

  test('plumbs and clears up, and tells the bridge port', async () => {
    const { box, hypervisor, guest } = site;
    expect(await ruby('up', guest)).toMatchObject({ status: 0, stdout: 'br0b\n' });
    expect(await ask(guest, 5030)).toBe('first');
    await removeGuest(box, guest);
    expect(await ruby('down', guest)).toMatchObject({ status: 0 });
    expect(await hypervisor.leftovers()).toEqual([]);
  });

  test('stock drivers call it for the last guest of a bridge only: the others need no call', async () => {
    const { box, hypervisor, guest, bridge } = site;
    const other = await addGuest(box, bridge, { ip: '192.168.150.12' });
    await ruby('up', guest, { network: 'red' });
    await ruby('up', other, { network: 'blue' });
    await removeGuest(box, guest);
    await removeGuest(box, other);
    expect(await ruby('down', other, { network: 'blue' })).toMatchObject({ status: 0 });
    expect(await hypervisor.leftovers()).toEqual([]);
  });

  test('a guest that is still there keeps its services', async () => {
    const { box, guest, bridge } = site;
    const other = await addGuest(box, bridge, { ip: '192.168.150.12' });
    await ruby('up', guest);
    await ruby('up', other);
    await removeGuest(box, other);
    await ruby('down', other);
    expect(await ask(guest, 5030)).toBe('first');
  });

  test('names with odd characters in them do no harm, and a bridge of 15 bytes has the port that tproxy made', async () => {
    const { box } = site;
    await addBridge(box, 'onebr-of-15-len');
    const guest = await addGuest(box, 'onebr-of-15-len', { ip: '192.168.150.13' });
    const { status, stdout } = await ruby('up', guest, { network: '<a> & "b" ]]>' });
    expect(status).toBe(0);
    expect(await ask(guest, 5030)).toBe('first');
    expect(await box.sh(`ip -o link show ${stdout.trim()}`)).toContain('master onebr-of-15-len');
  });

  test('the VM of a NIC whose TARGET the template names is the one that the driver has read', async () => {
    const { box, hypervisor, guest } = site;
    await box.sh(`
      ip link set ${guest.device} down
      ip link set ${guest.device} name mytap0
      ip link set mytap0 up
    `);
    const call = { fields: { target: 'mytap0' }, driverOf: guest.vmId };
    expect(await ruby('up', guest, call)).toMatchObject({ status: 0 });
    expect(await ask(guest, 5030)).toBe('first');
    const records = await box.sh('ls /run/one_tproxy/attachments');
    expect(records.trim()).toBe(`vm-${guest.vmId}-${guest.nicId}.json`);
    await box.sh('ip link delete mytap0');
    expect(await ruby('down', guest, call)).toMatchObject({ status: 0 });
    expect(await hypervisor.leftovers()).toEqual([]);
  });

  test.each([
    ['the physical device', { vn_mad: 'bridge', phydev: 'uplink' }, 'uplink'],
    ['the VLAN device', { vn_mad: '802.1Q', phydev: 'uplink', vlan_id: '7' }, 'uplink.7'],
  ])('%s is no guest, of whatever kind it is', async (_what, fields, uplink) => {
    const { box, hypervisor, guest } = site;
    await box.sh(`ip link add ${uplink} type veth peer name far && ip link set ${uplink} master br0 up`);
    await ruby('up', guest, { fields });
    await removeGuest(box, guest);
    expect(await ruby('down', guest, { fields })).toMatchObject({ status: 0 });
    expect(await hypervisor.leftovers()).toEqual([]);
  });

  test('what goes wrong keeps a VM from starting only where services are required', async () => {
    await site.box.sh(`chmod 000 ${VNM}/tproxy && mv ${VNM}/tproxy ${VNM}/away`);
    const { status, stdout, stderr } = await ruby('up', site.guest);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'br0b\n' });
    expect(stderr).toMatch(/^ERROR: pre: tproxy up of bridge br0 failed: /m);
    site.hypervisor.configure(':tproxy_required: true\n');
    expect(await ruby('up', site.guest)).toMatchObject({ status: 1 });
  });

  test('what goes wrong where services are required is an exception with the reason in it', async () => {
    site.hypervisor.configure(':tproxy_required: true\n:tproxy: [');
    const { status, stderr } = await ruby('up', site.guest);
    expect(status).toBe(1);
    expect(stderr).toMatch(/tproxy up of bridge br0 failed: ERROR: pre: .*can't be read/);
  });
});

test('oneadmin is allowed what hooks and shim ask sudo for, by the rules of tproxy-node', async () => {
  const { box, hypervisor, guest } = site;
  await installer('install');
  await MachineImage.create(box);
  await box.sh(`
    getent passwd oneadmin >/dev/null || useradd --system --no-create-home oneadmin
    install -m 440 /run/test/tarball/etc/sudoers.d/one-tproxy /etc/sudoers.d/one-tproxy
    chmod -R go+rX /run/test ${VNM}
  `);
  const asOneadmin = (argv: readonly string[], input = '') =>
    box.run(['sudo', '-n', '-u', 'oneadmin', ...argv], { input });
  const template = templateFor({ vmId: guest.vmId, nics: [{ bridge: guest.bridge, nicId: guest.nicId }] });
  expect(await asOneadmin(rubyCall('up', guest))).toMatchObject({ status: 0, stdout: 'br0b\n' });
  const hook = await asOneadmin([`${VNM}/bridge/pre.d/50-tproxy`], template);
  expect(hook).toMatchObject({ status: 0, stderr: expect.stringContaining('as before') });
  expect(await ask(guest, 5030)).toBe('first');
  await removeGuest(box, guest);
  expect(await asOneadmin(rubyCall('down', guest))).toMatchObject({ status: 0 });
  expect(await hypervisor.leftovers()).toEqual([]);
});

describe('hooks and shim together', () => {
  beforeEach(() => installer('install'));

  test('the second finds everything done', async () => {
    const { box, hypervisor, guest } = site;
    await ruby('up', guest);
    const ruleset = await box.sh('nft -a list ruleset');
    const daemons = await hypervisor.daemons();
    expect(await hypervisor.deploy(guest)).toContain('as before');
    expect(await box.sh('nft -a list ruleset')).toBe(ruleset);
    expect(await hypervisor.daemons()).toEqual(daemons);
    expect((await box.sh('ls /run/one_tproxy/attachments')).trim()).toBe(
      `vm-${guest.vmId}-${guest.nicId}.json`,
    );

    await removeGuest(box, guest);
    await ruby('down', guest);
    expect(await hypervisor.leftovers()).toEqual([]);
    expect(await hypervisor.undeploy(guest)).toContain('nothing to remove');
  });
});

test('install.sh takes a directory as its caller sees it', async () => {
  await site.box.sh('mkdir -p /run/test/here && cd /run/test/here && ../tarball/install.sh install --to vnm');
  expect(await site.box.sh('ls /run/test/here/vnm')).toMatch(/^tproxy$/m);
  await site.box.sh('cd /run/test/here && ../tarball/install.sh remove --to vnm; rm -r /run/test/here');
  expect(await site.box.sh('ls /run/test/tarball')).not.toMatch(/^vnm$/m);
});

test('install.sh remove gives the stock tree back, whatever was installed before', async () => {
  const { box } = site;
  const tree = () =>
    box.sh(`cd ${VNM} && find . -type f | sort | xargs -d '\\n' -I{} sh -c 'echo {}; cat {}'`);
  const stock = await tree();
  for (const way of ['--only executable', '', '--only shim', '--only hooks'])
    await installer(`install ${way}`);
  expect(await tree()).not.toBe(stock);
  await installer('remove');
  expect(await tree()).toBe(stock);
  await installer('remove');
  expect(await tree()).toBe(stock);
});
