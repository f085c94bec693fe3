import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addBridge, addGuest, addUpstreamHost, type Guest } from '../support/network.ts';
import type { Finished } from '../support/program.ts';
import { Sandbox } from '../support/sandbox.ts';
import { ask, configFor, startGreeter, UPSTREAM_ADDRESS, untilListening } from '../support/site.ts';

const BUILT = process.env.TPROXY_REMOTES ?? fileURLToPath(new URL('../../dist/remotes', import.meta.url));
const SUDOERS = fileURLToPath(new URL('../../etc/sudoers.d/one-tproxy', import.meta.url));
/** Remotes on the front-end and on the hypervisors. */
const HERE = '/run/test/remotes';
const THERE = '/var/tmp/one';
const CONFIGURATION = 'etc/vnm/OpenNebulaNetwork.conf';
const SSH_CONFIG = '/run/test/ssh_config';
const FIRST = `${UPSTREAM_ADDRESS}:1111`;
const SECOND = `${UPSTREAM_ADDRESS}:2222`;

/** hv1: one logs in as root; hv2: as oneadmin, who has sudo. hv3 is down: there is a cable, and nobody at its end. */
const USERS = { hv1: 'root', hv2: 'oneadmin' } as const;
type Name = keyof typeof USERS;

let frontEnd: Sandbox;
let hypervisors: Readonly<Record<Name, Sandbox>>;
let guest: Guest;

/** A cable between two sandboxes. It is made from within one of them, so the machine's own namespace never sees it. */
function connect(a: Sandbox, b: Sandbox, number: number): void {
  const net = (box: Sandbox): string => box.enter.find((word) => word.startsWith('--net='))?.slice(6) ?? '';
  const into = `ip link add name hv${number} type veth peer name fe netns ${net(b)}`;
  execFileSync('nsenter', [`--net=${net(a)}`, ...into.split(' ')]);
}

async function startHypervisor(name: Name, number: number): Promise<Sandbox> {
  const box = await Sandbox.create();
  connect(frontEnd, box, number);
  await frontEnd.sh(`ip address add 10.99.${number}.1/30 dev hv${number}; ip link set hv${number} up`);
  for (const key of ['host_key', 'user_key.pub']) {
    cpSync(frontEnd.path(`/run/test/${key}`), box.path(`/run/test/${key}`));
  }
  await box.sh(`
    ip address add 10.99.${number}.2/30 dev fe; ip link set fe up
    cd /run/test; mkdir -p home; mv user_key.pub authorized_keys; chmod 600 host_key
    # sshd lets nobody in whose password is locked.
    sed 's/^root:[^:]*:/root:*:/' /etc/shadow > shadow; echo 'oneadmin:*:19000:0:99999:7:::' >> shadow
    grep -v '^oneadmin:' /etc/passwd > passwd; echo 'oneadmin:x:9869:9869::/run/test/home:/bin/sh' >> passwd
    grep -v '^oneadmin:' /etc/group > group; echo 'oneadmin:x:9869:' >> group
    mkdir sudoers.d; install -m 440 ${SUDOERS} sudoers.d/one-tproxy
    chown 9869:9869 home
    mount --bind shadow /etc/shadow; mount --bind passwd /etc/passwd; mount --bind group /etc/group
    mount --bind sudoers.d /etc/sudoers.d
    mkdir -p ${THERE}; chown ${USERS[name]} ${THERE}
  `);
  writeFileSync(
    box.path('/run/test/sshd_config'),
    `ListenAddress 10.99.${number}.2:22\nHostKey /run/test/host_key\nAuthorizedKeysFile /run/test/authorized_keys
PermitRootLogin prohibit-password\nPasswordAuthentication no\nUsePAM no\nStrictModes no\nPidFile none
Subsystem sftp internal-sftp\nSetEnv PATH=${process.env.PATH}:/usr/sbin:/sbin\n`,
  );
  const sshd = box.spawn(['/usr/sbin/sshd', '-D', '-e', '-f', '/run/test/sshd_config']);
  await untilListening(box, 22, sshd);
  return box;
}

beforeAll(async () => {
  frontEnd = await Sandbox.create();
  await frontEnd.sh(`
    cd /run/test
    ssh-keygen -q -t ed25519 -N '' -f host_key; ssh-keygen -q -t ed25519 -N '' -f user_key
    printf '10.99.%s.2 %s\\n' 1 "$(cut -d' ' -f1,2 host_key.pub)" 2 "$(cut -d' ' -f1,2 host_key.pub)" > known_hosts
    ip link add hv3 type veth peer name nobody; ip address add 10.99.3.1/30 dev hv3; ip link set hv3 up; ip link set nobody up
  `);
  const host = (name: string, number: number, user: string) =>
    `Host ${name}\n  HostName 10.99.${number}.2\n  User ${user}\n`;
  writeFileSync(
    frontEnd.path(SSH_CONFIG),
    `${host('hv1', 1, USERS.hv1)}${host('hv2', 2, USERS.hv2)}${host('hv3', 3, 'root')}Host *
  IdentityFile /run/test/user_key\n  UserKnownHostsFile /run/test/known_hosts\n`,
  );
  const [hv1, hv2] = [await startHypervisor('hv1', 1), await startHypervisor('hv2', 2)];
  hypervisors = { hv1, hv2 };
  await addBridge(hv1, 'br0');
  guest = await addGuest(hv1, 'br0', { ip: '192.168.150.11' });
  const upstream = await addUpstreamHost(hv1, UPSTREAM_ADDRESS);
  await startGreeter(upstream, 1111, 'first');
  await startGreeter(upstream, 2222, 'second');
});

afterAll(async () => {
  await Promise.all([frontEnd, ...Object.values(hypervisors ?? {})].map((box) => box.close()));
});

// Each test starts from a fresh tree on the front-end, whatever the one before it did.
beforeEach(async () => {
  await frontEnd.sh(
    `rm -rf ${HERE} /run/test/bin; mkdir -p ${HERE} /run/test/bin; cp -a ${BUILT}/. ${HERE}/`,
  );
  configure(configFor({ 5030: FIRST }));
});

function configure(text: string): void {
  mkdirSync(frontEnd.path(`${HERE}/etc/vnm`), { recursive: true });
  writeFileSync(frontEnd.path(`${HERE}/${CONFIGURATION}`), text);
}

function sync(...args: string[]): Promise<Finished> {
  return frontEnd.run([`${HERE}/vnm/tproxy`, 'sync', '--ssh-config', SSH_CONFIG, ...args], {
    env: { ONE_AUTH: '/run/test/one_auth', PATH: `/run/test/bin:${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
    timeoutMs: 90_000,
  });
}

function configurationOf(name: Name): string {
  const file = hypervisors[name].path(`${THERE}/${CONFIGURATION}`);
  return existsSync(file) ? readFileSync(file, 'utf8') : 'none';
}

/** What sync must not leave behind on a host. */
function leftovers(name: Name): Promise<string> {
  return hypervisors[name].sh(
    `find ${THERE} -name '.tproxy-*'; find /tmp -newer ${THERE} -name 'tproxy-sync-*'`,
  );
}

async function deploy(): Promise<void> {
  await hypervisors.hv1.sh(`${THERE}/vnm/tproxy up --bridge br0 --network net`);
}

describe('tproxy sync', () => {
  test('two hosts that have nothing, and one that is down', async () => {
    const { status, stdout, stderr } = await sync('hv1', 'hv2', 'hv3');
    expect(stderr).toMatch(/^hv1: program and configuration: \d+ new$/m);
    expect(stderr).toMatch(/^hv2: nothing to do$/m);
    expect(stderr).toMatch(/^ERROR: hv3: ssh: connect to host 10\.99\.3\.2 port 22: /m);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '2 hosts done, 1 failed\n' });
    for (const name of ['hv1', 'hv2'] as const) {
      expect(configurationOf(name)).toBe(configFor({ 5030: FIRST }));
      expect(await leftovers(name)).toBe('');
      const owners = await hypervisors[name].sh(
        `stat -c %U ${THERE}/vnm/tproxy ${THERE}/vnm/tproxy.d/entry.cjs`,
      );
      expect(owners).toBe(`${USERS[name]}\n${USERS[name]}\n`);
    }
  });

  test('a dry run tells what would change and changes nothing; then it reaches running guests', async () => {
    await sync('hv1', 'hv2');
    await deploy();
    expect(await ask(guest, 5030)).toBe('first');
    configure(configFor({ 5030: SECOND }));
    const state = () =>
      hypervisors.hv1.sh(`find ${THERE} -type f -exec sha256sum {} + ; nft list ruleset | grep -v expires`);
    const before = await state();
    const dry = await sync('--dry-run', 'hv1', 'hv2');
    expect(dry.stderr).toMatch(/^hv1: configuration: 1 changed$/m);
    expect(dry.stderr).toMatch(
      /^hv1: plan: br0: change endpoints of br0: -5030, \+5030 to 10\.11\.12\.13:2222$/m,
    );
    expect(dry.stderr).toMatch(/^hv2: configuration: 1 changed$/m);
    expect(dry).toMatchObject({ status: 0, stdout: '2 hosts looked at, nothing was changed\n' });
    expect(await state()).toBe(before);
    const real = await sync('hv1', 'hv2');
    expect(real).toMatchObject({ status: 0, stdout: '2 hosts done\n' });
    expect(real.stderr).toMatch(/^hv1: br0: change endpoints of br0/m);
    expect(real.stderr).not.toContain('restarted');
    expect(await ask(guest, 5030)).toBe('second');
    expect(configurationOf('hv2')).toBe(configFor({ 5030: SECOND }));
  });

  test('changed files of the program: new processes take over', async () => {
    await sync('hv1');
    await deploy();
    const running = () => hypervisors.hv1.sh(`${THERE}/vnm/tproxy status`);
    const before = await running();
    await frontEnd.sh(`cd ${HERE}/vnm/tproxy.d; echo '// changed' >> probe.cjs; echo > new.cjs`);
    const { status, stderr } = await sync('hv1');
    expect(stderr).toMatch(/^hv1: program: 1 changed, 1 new$/m);
    expect(stderr).toMatch(/^hv1: restarted/m);
    expect(status).toBe(0);
    const after = await running();
    const pids = (text: string) => text.match(/\d+$/gm) ?? [];
    expect(pids(after)).toHaveLength(2);
    for (const pid of pids(after)) expect(pids(before)).not.toContain(pid);
    expect(await ask(guest, 5030)).toBe('first');
    const again = await sync('hv1');
    expect(again.stderr).toMatch(/^hv1: has the same files$/m);
    expect(await running()).toBe(after);
  });

  test('a host whose apply fails, one without room, and one that is well', async () => {
    const { hv1, hv2 } = hypervisors;
    await sync('hv1', 'hv2');
    configure(configFor({ 5030: SECOND }));
    await frontEnd.sh(`head -c 3000000 /dev/urandom > ${HERE}/vnm/noise`);
    await hv2.sh(`mv /etc/sudoers.d/one-tproxy /run/test/`);
    const size = (await hv1.sh('df --output=used -k /var/tmp | tail -1')).trim();
    await hv1.sh(`mount -o remount,size=$((${size} + 2000))k /var/tmp`);
    const { status, stderr, stdout } = await sync('hv1', 'hv2');
    await hv1.sh('mount -o remount,size=50% /var/tmp');
    await hv2.sh(`mv /run/test/one-tproxy /etc/sudoers.d/`);
    expect(stderr).toMatch(/^ERROR: hv1: .*(No space left|write remote|Failure)/m);
    expect(stderr).toMatch(/^hv2: +WARNING: the login user lacks sudo rights for tproxy/m);
    expect(stderr).toMatch(
      /^ERROR: hv2: sudo: a password is required$\n +→ install the package tproxy-node/m,
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: '0 hosts done, 2 failed\n' });
    // The old tree goes on working.
    expect(configurationOf('hv1')).toBe(configFor({ 5030: FIRST }));
    expect(await leftovers('hv1')).toBe('');
    await hv1.sh(`${THERE}/vnm/tproxy plan`);
    expect(await sync('hv1', 'hv2')).toMatchObject({ status: 0, stdout: '2 hosts done\n' });
    await hv1.sh(`rm ${THERE}/vnm/noise`);
    await hv2.sh(`rm ${THERE}/vnm/noise`);
  });

  test('a faulty configuration goes nowhere, and neither do odd names', async () => {
    await sync('hv1');
    configure(':tproxy_debug_level: 9\n:tproxy:\n- :service_port: 70000\n');
    const faulty = await sync('hv1');
    expect(faulty.status).toBe(2);
    expect(faulty.stderr).toContain(':tproxy_debug_level: is "9"');
    expect(faulty.stderr).toContain(':service_port: of entry 1 is "70000"');
    expect(faulty.stderr).toContain('nothing was changed on any host');
    expect(configurationOf('hv1')).toBe(configFor({ 5030: FIRST }));
    configure('');
    expect(await sync('--', '-oProxyCommand=x')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not a valid host name'),
    });
    expect(await sync()).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no onehost to ask for the hosts'),
    });
  });

  test("it may be called in a directory that its user can't enter, as by sudo from root's home", async () => {
    const { status, stderr } = await frontEnd.run(
      [
        ...['sh', '-c', 'mkdir -p -m 700 /run/test/closed; cd /run/test/closed; exec "$@"', 'sync'],
        ...['setpriv', '--reuid=65534', '--clear-groups', `${HERE}/vnm/tproxy`, 'sync'],
      ],
      { env: { PATH: `${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin` } },
    );
    expect({ status, stderr }).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no onehost to ask for the hosts'),
    });
  });

  test('where there is an onehost, it copies, to the hosts that it knows', async () => {
    await sync('hv1', 'hv2');
    configure(configFor({ 5030: SECOND }));
    writeFileSync(
      frontEnd.path('/run/test/bin/onehost'),
      `#!/bin/sh
case $1 in
  # As the real one, it finds its user's password by this.
  list) [ "$ONE_AUTH" = /run/test/one_auth ] || exit 1; echo '<HOST_POOL><HOST><ID>0</ID><NAME>hv1</NAME></HOST><HOST><ID>1</ID><NAME>hv2</NAME></HOST></HOST_POOL>' ;;
  sync)
    echo "$*" >> /run/test/onehost.log
    scp -q -r -F ${SSH_CONFIG} ${HERE}/vnm ${HERE}/etc hv1:${THERE}/
    echo 'Failed to update the following hosts:' >&2; echo '* hv2' >&2; exit 255 ;;
esac
`,
    );
    chmodSync(frontEnd.path('/run/test/bin/onehost'), 0o755);
    const { status, stdout, stderr } = await sync();
    expect(await frontEnd.sh('cat /run/test/onehost.log; rm /run/test/onehost.log')).toBe(
      'sync -f hv1,hv2\n',
    );
    expect(stderr).toMatch(/^ERROR: hv2: onehost sync did not update this host: configuration: 1 changed;/m);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '1 host done, 1 failed\n' });
    expect(configurationOf('hv1')).toBe(configFor({ 5030: SECOND }));
    expect(await sync('--no-onehost')).toMatchObject({ status: 0, stdout: '2 hosts done\n' });
    expect(existsSync(frontEnd.path('/run/test/onehost.log'))).toBe(false);
    expect(configurationOf('hv2')).toBe(configFor({ 5030: SECOND }));
  });
});
