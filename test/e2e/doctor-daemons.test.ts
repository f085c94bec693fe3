import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  CONFIGURATION,
  createPatient,
  EXECUTABLE,
  entry,
  examine,
  GREETER,
  REFUSED,
  SILENT,
  seen,
  troubles,
} from '../support/doctor.ts';
import { plumbByHand } from '../support/hypervisor.ts';
import { addBridge, addGuest } from '../support/network.ts';
import type { Site } from '../support/site.ts';

let site: Site;
beforeAll(async () => {
  site = await createPatient();
  await addBridge(site.box, 'br1');
  await addGuest(site.box, 'br1', { ip: '192.168.151.11' });
  await site.hypervisor.deploy(site.guest);
});
// A test that failed halfway is tried again.
beforeEach(async () => {
  const { box, host, hypervisor } = site;
  await host.sh('nft flush ruleset');
  await box.sh(`
    pkill -CONT -x -f one_tproxy || true
    pkill -KILL -x cat || true
    umount /var/log /run/test/small 2>/dev/null || true
  `);
  hypervisor.configure(CONFIGURATION);
  await hypervisor.must('restart');
  await hypervisor.must('apply');
  await box.sh('truncate -s 0 /var/log/one_tproxy*.log');
});
afterAll(async () => {
  await site.box.close();
});

test('an upstream that refuses, one that is silent, a name that is not known', async () => {
  const { hypervisor, host } = site;
  await host.sh(
    "nft add table ip t; nft 'add chain ip t c { type filter hook input priority 0; }'; nft add rule ip t c tcp dport 2222 drop",
  );
  hypervisor.configure(`${CONFIGURATION}${entry(81, REFUSED)}`);
  await hypervisor.must('apply');
  hypervisor.configure(`${CONFIGURATION}${entry(81, REFUSED)}${entry(82, 'nowhere.invalid:80')}`);
  const report = await examine(site);
  expect(troubles(report).filter((line) => !/plan|log/.test(line))).toEqual([
    'name/nowhere.invalid: failed',
    `upstream/${SILENT}: failed`,
    `upstream/${REFUSED}: failed`,
    'br0/connection/80: failed',
    'br0/connection/81: failed',
  ]);
  // Nobody answers for it here, so nobody has said that it does not exist.
  expect(seen(report, 'name', 'nowhere.invalid')).toBe(
    'nowhere.invalid: no such host, or no name server answers',
  );
  expect(seen(report, 'upstream', SILENT)).toContain('does not answer');
  expect(seen(report, 'connection', '80')).toMatch(/^guests are kept waiting: .* does not answer/);
  expect(seen(report, 'connection', '81')).toBe(`guests are reset: ${REFUSED}: refused`);
});

test('a configuration with errors, and one that was not applied', async () => {
  const { hypervisor } = site;
  hypervisor.configure(`${CONFIGURATION}:tproxy_debug_level: 9\n`);
  const faulty = await examine(site);
  expect(troubles(faulty)).toEqual(['configuration: failed']);
  expect(seen(faulty, 'configuration')).toContain('OpenNebulaNetwork.conf:');
  expect(seen(faulty, 'plan')).toBe('needs configuration');
  hypervisor.configure(CONFIGURATION.replace('1111', '1112'));
  const changed = await examine(site);
  expect(troubles(changed)).toEqual(['br0/map: failed', 'br0/plan: warning']);
});

test('a watch that is gone, a forwarder that hangs, one that is gone', async () => {
  const { box, hypervisor } = site;
  await box.sh("pkill -KILL -f '^tproxy_watch'");
  expect(troubles(await examine(site))).toEqual(['watch: warning']);
  await box.sh('pkill -STOP -x -f one_tproxy');
  const hung = await examine(site);
  expect(troubles(hung)).toEqual(['control: failed', 'watch: warning']);
  expect(seen(hung, 'control')).toBe('forwarder did not answer within 2 s');
  expect(seen(hung, 'connection', '80')).toBe('needs control socket');
  await box.sh('pkill -KILL -x -f one_tproxy');
  const gone = await examine(site);
  expect(troubles(gone)).toEqual(['forwarder: failed']);
  expect(seen(gone, 'connection', '5030')).toBe('needs forwarder');
  await hypervisor.must('start');
  expect(troubles(await examine(site))).toEqual([]);
});

test('an old version, few descriptors, a stranger, an error in a log, a full disk', async () => {
  const { box, hypervisor } = site;
  const listing = /^(\d+) of (\d+) in use$/.exec(seen(await examine(site), 'descriptors'));
  const limit = Math.ceil(Number(listing?.[1]) * 1.25);
  const version = (await hypervisor.must('--version')).trim();
  const rename = (from: string, to: string): Promise<string> =>
    box.sh(`grep -lF '"${from}"' /var/tmp/one/vnm/tproxy.d/*.cjs | xargs sed -i 's|"${from}"|"${to}"|'`);
  await rename(version, `next ${version}`);
  const stranger = box.spawn(['bash', '-c', 'exec -a one_tproxy cat']);
  const { pid } = await hypervisor.forwarder();
  const line = JSON.stringify({ level: 50, time: Date.now(), msg: 'out of something' });
  await box.sh(`
    prlimit --pid ${pid} --nofile=${limit}:
    echo '${line}' >> /var/log/one_tproxy_br0.log
    mkdir -p /run/test/small; mount -t tmpfs -o size=64k tmpfs /run/test/small
    cp /var/log/one_tproxy*.log /run/test/small; mount --bind /run/test/small /var/log
    until grep -qax one_tproxy /proc/[0-9]*/comm; do sleep 0.05; done
  `);
  const report = await examine(site);
  await box.sh('umount /var/log; umount /run/test/small; truncate -s 0 /var/log/one_tproxy_br0.log');
  await rename(`next ${version}`, version);
  const remedy = report.checks.find(({ id }) => id === 'descriptors')?.remedy ?? '';
  await box.sh(remedy.replace(/^.*raise the limit: /, ''));
  expect(seen(await examine(site), 'descriptors')).toMatch(new RegExp(` of ${2 * limit} in use$`));
  expect(troubles(report)).toEqual([
    'disk//var/log: failed',
    'br0/listener: warning',
    'br0/log: warning',
    'forwarder: warning',
    'descriptors: warning',
    'strangers: warning',
  ]);
  expect(seen(report, 'forwarder')).toBe(
    `one_tproxy (${pid}) is version ${version}, installed is next ${version}`,
  );
  expect(seen(report, 'log')).toContain('out of something');
  await stranger.stop();
  expect(troubles(await examine(site))).toEqual([]);
});

test('what stands in a log is shown, not done, and a remedy can be typed as it stands', async () => {
  const { box, hypervisor } = site;
  const line = JSON.stringify({ level: 50, time: Date.now(), msg: 'out of \u001b[7msomething' });
  await box.sh(`echo '${line}' >>/var/log/one_tproxy_br0.log; ip link set br0b nomaster`);
  const { stdout } = await hypervisor.tproxy('doctor', '--bridge', 'br0');
  expect(stdout).toContain('the last one: out of \\x1b[7msomething');
  expect(stdout).not.toContain('\u001b');
  // It is not in the path of this host.
  const [, remedy = 'none'] = /br0b is no port of any bridge, not of br0\n +→ run (.*)\n/.exec(stdout) ?? [];
  expect(remedy).toBe(`${EXECUTABLE} apply`);
  await box.sh(remedy);
  expect(troubles(await examine(site))).toEqual(['br0/log: warning']);
});

test('tables that can not be read are not taken for empty', async () => {
  const { box } = site;
  const map = 'ip one_tproxy ep_odd';
  await box.sh(`nft 'add map ${map} { type ipv4_addr : ipv4_addr; }'`);
  const report = await examine(site);
  expect(troubles(report)).toEqual(['tables: failed']);
  const remedy = report.checks.find(({ id }) => id === 'tables')?.remedy ?? '';
  expect(remedy).toBe(`delete it: nft delete map ${map}`);
  for (const id of ['arp', 'guard', 'redirect', 'map', 'listening', 'plan']) {
    expect(seen(report, id)).toBe('needs nft tables');
  }
  await box.sh(remedy.replace('delete it: ', ''));
  expect(troubles(await examine(site))).toEqual([]);
});

test('the guards of the address and of the namespace', async () => {
  const { box } = site;
  await box.sh(`
    nft flush chain bridge one_tproxy guard
    ip netns exec one_tproxy_br0 nft delete table inet one_tproxy
  `);
  const found = ['br0/guard: warning', 'br0/ruleset: warning', 'br0/plan: warning'];
  expect(troubles(await examine(site))).toEqual(found);
});

test('plumbing that stock drivers made', async () => {
  const { box, hypervisor } = site;
  // Or the bridge takes the MAC of the new port, which is a random one, whenever that is the lowest.
  await box.sh('ip link set br1 address 02:00:00:00:01:01');
  await plumbByHand(box, 'br1', { 5030: GREETER.replace(':', ' . ') });
  await hypervisor.must('start');
  const report = await examine(site, '--bridge', 'br1');
  // On kernels with meta ibrname stock drivers make an ARP chain; this helper makes none.
  expect(troubles(report)).toEqual([
    'br1/arp: failed',
    'br1/sysctls: warning',
    'br1/ruleset: warning',
    'br1/plan: warning',
  ]);
  expect(seen(report, 'connection', '5030')).toMatch(/^lo is down inside the netns/);
  expect(seen(report, 'guests')).toContain('deployed by another driver: one-2-0');
  expect(report.checks.filter(({ bridge }) => bridge === 'br0')).toEqual([]);
  await hypervisor.must('apply');
  expect(troubles(await examine(site, '--bridge', 'br1'))).toEqual([]);
});
