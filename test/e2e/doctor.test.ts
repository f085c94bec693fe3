import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DoctorReport } from '../../src/doctor/json.ts';
import { plumbByHand } from '../support/hypervisor.ts';
import { addBridge, addGuest } from '../support/network.ts';
import type { Program } from '../support/program.ts';
import { createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

const EXECUTABLE = '/var/tmp/one/vnm/tproxy';
const GREETER = `${UPSTREAM_ADDRESS}:1111`;
/** Waits for a request, as most services do. */
const SILENT = `${UPSTREAM_ADDRESS}:2222`;
const REFUSED = `${UPSTREAM_ADDRESS}:3333`;

function entry(port: number, upstream: string): string {
  const [address, remotePort] = upstream.split(':');
  return `- :service_port: ${port}
  :remote_addr: ${address}
  :remote_port: ${remotePort}
`;
}

const CONFIGURATION = `:tproxy:
${entry(5030, GREETER)}${entry(80, SILENT)}`;

async function examine(site: Site, ...args: string[]): Promise<DoctorReport & { readonly status: number }> {
  const { status, stdout, stderr } = await site.hypervisor.tproxy('doctor', '--json', ...args);
  if (stderr !== '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as DoctorReport), status };
}

/** What does not hold: `br0/veth: failed`. Skipped checks follow from others and are left out. */
function troubles({ checks }: DoctorReport): string[] {
  return checks
    .filter(({ verdict }) => verdict === 'failed' || verdict === 'warning')
    .map(({ id, bridge, subject, verdict }) => {
      const name = [bridge, id, subject].filter((part) => part !== null).join('/');
      return `${name}: ${verdict}`;
    });
}

/** The kernel tells of its neighbours in the network namespace that the machine started with. */
const NOT_IN_A_SANDBOX = ['neighbours'];

function skippedIn({ checks }: DoctorReport): string[] {
  return checks.filter(({ verdict }) => verdict === 'skipped').map(({ id }) => id);
}

function seen(report: DoctorReport, id: string, subject: string | null = null): string {
  const found = report.checks.find((check) => check.id === id && check.subject === subject);
  return found?.seen ?? found?.reason ?? `no check ${id}`;
}

async function startSilent(site: Site): Promise<Program> {
  const script = `require('node:net').createServer({ allowHalfOpen: true }, (s) => s.on('error', () => {}).resume()).listen(2222, '${UPSTREAM_ADDRESS}', () => console.log('listening'))`;
  const server = site.host.spawn([process.execPath, '-e', script]);
  await server.waitFor(/^listening$/m);
  return server;
}

async function start(): Promise<Site> {
  const site = await createSite();
  site.hypervisor.configure(CONFIGURATION);
  await startGreeter(site.host, 1111, 'first');
  await startSilent(site);
  return site;
}

describe('on a host that is well', () => {
  let site: Site;
  beforeAll(async () => {
    site = await start();
  });
  afterAll(async () => {
    await site.box.close();
  });

  test('with nothing deployed it says so', async () => {
    const { status, stdout } = await site.hypervisor.tproxy('doctor');
    expect(stdout).toMatch(/^\d+ ok, 0 warnings, 0 failed, 1 skipped; no bridge on this host has services$/m);
    expect(status).toBe(0);
    expect(stdout).not.toContain('\u001b');
  });

  test('with a guest everything holds, the whole way to the upstreams', async () => {
    await site.hypervisor.deploy(site.guest);
    const report = await examine(site);
    expect(troubles(report)).toEqual([]);
    expect(report).toMatchObject({ status: 0, holds: true });
    expect(skippedIn(report)).toEqual(NOT_IN_A_SANDBOX);
    expect(seen(report, 'connection', '5030')).toContain(`${GREETER} answers through the proxy`);
    expect(seen(report, 'connection', '80')).toContain(`taken, and ${SILENT} accepts`);
    const order = report.checks.map(({ id }) => id);
    expect(
      [...order].filter((id) =>
        ['root', 'bridge', 'veth', 'forwarder', 'upstream', 'connection'].includes(id),
      ),
    ).toEqual(['root', 'bridge', 'veth', 'forwarder', 'upstream', 'upstream', 'connection', 'connection']);
  });

  test('it takes no lock and changes nothing', async () => {
    const { box } = site;
    const state = () =>
      box.sh(`
        nft -a list ruleset | grep -v expires; ip link show; ip netns list; ls -lR --time-style=full-iso /run/one_tproxy
        for netns in /run/netns/one_tproxy_*; do nsenter --net="$netns" ip address; done
        stat -c '%n %s' /var/log/one_tproxy.log; ps -eo pid,args | grep '[o]ne_tproxy' | grep -v nsenter
      `);
    const before = await state();
    const holder = box.spawn(['flock', '/run/one_tproxy/lock', 'bash', '-c', 'echo held; read -r']);
    await holder.waitFor(/^held$/m);
    expect(troubles(await examine(site))).toEqual([]);
    await holder.stop();
    expect(await state()).toBe(before);
  });

  test('an unknown bridge has nothing; a name that can be no bridge is bad usage', async () => {
    const report = await examine(site, '--bridge', 'absent0');
    expect(report.status).toBe(0);
    expect(seen(report, 'plan')).toBe('no services here, and nothing is plumbed');
    const { status, stderr } = await site.hypervisor.tproxy('doctor', '--bridge', 'no/bridge');
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining("can't be the name of a bridge"),
    });
  });

  test('it needs root and says so', async () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', EXECUTABLE, 'doctor'];
    const { status, stdout, stderr } = await site.box.run(nobody);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toContain(
      `FAILED   root  you are not root\n                 → run it with sudo: sudo ${EXECUTABLE} doctor`,
    );
  });

  test.each([
    { missing: 'nft', skipped: ['arp', 'kernel-nft', 'redirect'] },
    { missing: 'ip', skipped: ['bridge', 'inside', 'kernel-links'] },
  ])('without $missing it says what that keeps it from', async ({ missing, skipped }) => {
    const { box } = site;
    const tools = `/run/test/without-${missing}`;
    await box.sh(`
      mkdir -p ${tools}
      for tool in ip bridge awk nft nsenter setpriv bash cat sh unshare getent; do
        [ $tool = ${missing} ] || ln -sf "$(command -v $tool)" ${tools}/$tool
      done
    `);
    const command = ['env', `PATH=${tools}`, process.execPath, EXECUTABLE, 'doctor', '--json'];
    const { status, stdout } = await box.run(command);
    const report = JSON.parse(stdout) as DoctorReport;
    expect(status).toBe(1);
    expect(troubles(report)).toContain(`tool/${missing}: failed`);
    const all = report.checks.filter(({ verdict }) => verdict === 'skipped');
    expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining(skipped));
    for (const { reason } of all) expect(reason).toMatch(/^needs /);
    expect(stdout).not.toContain('the check itself broke');
    expect(report.checks.find(({ id }) => id === skipped[0])?.reason).toBe(`needs ${missing}`);
  });

  test('with an nft that never answers it ends all the same', async () => {
    const { box } = site;
    const tools = '/run/test/hanging';
    await box.sh(
      `mkdir -p ${tools}; printf '#!/bin/sh\\nexec sleep 600\\n' >${tools}/nft; chmod 755 ${tools}/nft`,
    );
    const path = `PATH=${tools}:${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
    const { stdout } = await box.run(['env', path, process.execPath, EXECUTABLE, 'doctor', '--json'], {
      timeoutMs: 60_000,
    });
    const report = JSON.parse(stdout) as DoctorReport;
    expect(seen(report, 'tool', 'nft')).toBe('nft --version: no answer within 4 s');
    expect(seen(report, 'arp')).toBe('needs nft');
    expect(seen(report, 'veth')).toContain('port of br0');
  });
});

/** A bridge each: what is done to it, and all that doctor finds about it. */
const DAMAGES: readonly (readonly [bridge: string, damage: string, found: readonly string[]])[] = [
  ['v-well', 'true', []],
  ['v-down', 'ip link set v-down down', ['bridge: failed']],
  ['v-noveth', 'ip link delete v-novethb', ['veth: failed', 'inside: failed']],
  ['v-nomaster', 'ip link set v-nomasterb nomaster', ['veth: failed']],
  ['v-portdown', 'ip link set v-portdownb down', ['veth: failed']],
  ['v-mtu', 'ip link set v-mtub mtu 1400', ['veth: warning']],
  [
    'v-nonetns',
    'umount /run/netns/one_tproxy_v-nonetns; rm /run/netns/one_tproxy_v-nonetns',
    ['netns: failed', 'listener: failed'],
  ],
  ['v-stale', 'umount /run/netns/one_tproxy_v-stale', ['netns: failed', 'listener: failed']],
  ['v-indown', 'ip -n one_tproxy_v-indown link set v-indowna down', ['inside: failed']],
  ['v-noaddr', 'ip -n one_tproxy_v-noaddr address flush dev v-noaddra', ['inside: failed']],
  ['v-noroute', 'ip -n one_tproxy_v-noroute route delete default', ['inside: failed']],
  [
    'v-sysctl',
    'ip netns exec one_tproxy_v-sysctl sh -c "echo 1 > /proc/sys/net/ipv4/conf/all/proxy_arp"',
    ['sysctls: warning'],
  ],
  ['v-norules', 'nft flush chain bridge one_tproxy ch_v-norules', ['arp: failed']],
  [
    'v-nochain',
    'nft flush chain bridge one_tproxy ch_v-nochain; nft delete chain bridge one_tproxy ch_v-nochain',
    ['arp: failed'],
  ],
  ['v-notap', 'nft \'delete element bridge one_tproxy tap_macs { "TAP" }\'', ['redirect: failed']],
  ['v-empty', 'nft flush map ip one_tproxy ep_v-empty', ['map: failed', 'listening: warning']],
  [
    'v-moved',
    "nft 'delete element ip one_tproxy ep_v-moved { 80 }'; nft 'add element ip one_tproxy ep_v-moved { 80 : 127.0.0.1 . 9 }'",
    ['map: failed', 'connection/80: failed'],
  ],
  [
    'v-surplus',
    "nft 'add element ip one_tproxy ep_v-surplus { 9999 : 10.11.12.13 . 1111 }'",
    ['map: warning', 'listening: failed', 'connection/9999: failed'],
  ],
  ['v-gone', 'ip link delete TAP', ['guests: warning']],
  ['v-nobridge', 'ip link delete v-nobridge', ['bridge: failed', 'map: warning']],
];

describe('on a host with a damage on every bridge', () => {
  let site: Site;
  let report: Awaited<ReturnType<typeof examine>>;
  beforeAll(async () => {
    site = await start();
    const { box, hypervisor } = site;
    const taps = new Map<string, string>();
    for (const [index, [bridge]] of DAMAGES.entries()) {
      await addBridge(box, bridge);
      const guest = await addGuest(box, bridge, { ip: `192.168.${index}.11` });
      await hypervisor.deploy(guest);
      taps.set(bridge, guest.device);
    }
    for (const [bridge, damage] of DAMAGES) await box.sh(damage.replaceAll('TAP', taps.get(bridge) ?? ''));
    report = await examine(site);
  });
  afterAll(async () => {
    await site.box.close();
  });

  test.each(DAMAGES)('%s: %s', (bridge, _damage, found) => {
    const own = report.checks.filter((check) => check.bridge === bridge);
    const others = new Set(['plan', 'log']);
    expect(troubles({ ...report, checks: own.filter(({ id }) => !others.has(id)) })).toEqual(
      found.map((line) => `${bridge}/${line}`),
    );
  });

  test('what apply would repair is told as well, and after it all of that holds', async () => {
    const planned = report.checks.filter(({ id, verdict }) => id === 'plan' && verdict === 'warning');
    const beyondRepair = ['v-well', 'v-down', 'v-gone'];
    const repairable = DAMAGES.map(([bridge]) => bridge).filter((bridge) => !beyondRepair.includes(bridge));
    expect(planned.map(({ bridge }) => bridge)).toEqual(repairable.sort());
    expect(report.status).toBe(1);
    await site.box.sh('ip link set v-down up');
    await site.hypervisor.must('apply');
    const left = troubles(await examine(site)).filter((line) => !line.startsWith('log: '));
    expect(left).toEqual(['v-gone/guests: warning']);
  });
});

describe('daemons, upstreams and the machine', () => {
  let site: Site;
  beforeAll(async () => {
    site = await start();
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
    expect(seen(report, 'name', 'nowhere.invalid')).toBe('nowhere.invalid: no such host');
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
    const [, remedy = 'none'] =
      /br0b is no port of any bridge, not of br0\n +→ run (.*)\n/.exec(stdout) ?? [];
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
});
