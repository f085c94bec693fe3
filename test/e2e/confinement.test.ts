import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addBridge, addGuest, type Guest } from '../support/network.ts';
import { ask, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

/** What the forwarder may do of root, by the numbers in linux/capability.h. */
const FORWARDER_CAPABILITIES = {
  chown: 0,
  dac_read_search: 2,
  kill: 5,
  setgid: 6,
  setuid: 7,
  setpcap: 8,
  net_bind_service: 10,
  net_admin: 12,
  sys_ptrace: 19,
  sys_admin: 21,
};
const SECCOMP_FILTER = '2';

let site: Site;
let listener: number;
let guests: readonly Guest[];

beforeAll(async () => {
  site = await createSite({ services: { 80: `${UPSTREAM_ADDRESS}:1111` } });
  await startGreeter(site.host, 1111, 'served');
  await addBridge(site.box, 'br1');
  guests = [site.guest, await addGuest(site.box, 'br1', { ip: '192.168.151.11' })];
  for (const guest of guests) await site.hypervisor.deploy(guest);
  listener = (await site.hypervisor.listener('br0')).pid;
});

afterAll(async () => {
  await site.box.close();
});

/** Fields of `/proc/PID/task/TID/status` of every thread. */
function threadsOf(box: Site['box'], pid: number): Record<string, string>[] {
  const tasks = box.path(`/proc/${pid}/task`);
  return readdirSync(tasks).map((thread) =>
    Object.fromEntries(
      readFileSync(`${tasks}/${thread}/status`, 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split(/:\s*/, 2)),
    ),
  );
}

/** A script where the listener of br0 stands, as its user and without its system call filter. */
function asListener(script: string): Promise<string> {
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  const enter = ['nsenter', `--target=${listener}`, '--mount', '--net', '--root', '--wd', '--'];
  return site.box.run([...enter, ...user, 'bash', '-c', `${script}\n:`]).then(({ stdout }) => stdout);
}

describe('the listener', () => {
  test('has the filter of system calls on all threads, and leaves nothing for others to read', () => {
    const threads = threadsOf(site.box, listener);
    expect(threads.length).toBeGreaterThan(1);
    for (const { Seccomp, Umask } of threads) {
      expect({ Seccomp, Umask }).toEqual({ Seccomp: SECCOMP_FILTER, Umask: '0077' });
    }
    expect(readFileSync(site.box.path(`/proc/${listener}/limits`), 'utf8')).toMatch(
      /Max core file size +0 +0/,
    );
  });

  test('sees programs, this tree and the directory of its own socket, and can write nowhere', async () => {
    const tree = '/var/tmp/one/vnm/tproxy.d';
    const seen = await asListener(`find / -path /usr -prune -o -path '${tree}/*' -prune -o -print`);
    expect(seen.trim().split('\n').sort()).toEqual(
      [
        ...['/', '/bin', '/sbin', '/lib', '/proc'],
        // Machines of arm64 have none.
        ...(existsSync('/lib64') ? ['/lib64'] : []),
        ...['/run', '/run/one_tproxy', '/run/one_tproxy/bridge.br0'],
        ...['/var', '/var/tmp', '/var/tmp/one', '/var/tmp/one/vnm', tree],
      ].sort(),
    );
    expect(await asListener('stat -c %F /run/one_tproxy/bridge.br0/listener.sock')).toBe('socket\n');
    expect(
      await asListener(
        `find / -path /usr -prune -o -writable ! -type l ! -name listener.sock -print; touch /usr/x /x`,
      ),
    ).toBe('');
  });

  test('has nothing below its root that is not mounted read-only', () => {
    const mounts = readFileSync(site.box.path(`/proc/${listener}/mountinfo`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    const writable = mounts.filter(([, , , , , options]) => !options?.startsWith('ro,'));
    expect(writable.map(([, , , , place]) => place)).toEqual(['/']);
    expect(mounts.map(([, , , , place]) => place)).toContain('/usr');
  });

  test('holds no file but its log', () => {
    const files = readdirSync(site.box.path(`/proc/${listener}/fd`))
      .map((fd) => readlinkSync(site.box.path(`/proc/${listener}/fd/${fd}`)))
      .filter((target) => !/^(socket|pipe|anon_inode):/.test(target) && !/^(\/dev)?\/null$/.test(target));
    expect(files).toEqual([expect.stringMatching(/\/one_tproxy_br0\.log$/)]);
  });
});

test('the guests of both bridges are served', async () => {
  for (const guest of guests) expect(await ask(guest, 80)).toBe('served');
});

test('the forwarder and its watch have the capabilities that they use, on all threads, and get no others', async () => {
  const mask = Object.values(FORWARDER_CAPABILITIES).reduce((sum, bit) => sum + 2 ** bit, 0);
  const all = mask.toString(16).padStart(16, '0');
  const forwarder = (await site.hypervisor.forwarder()).pid;
  const watch = Number(await site.box.sh(`ps -o ppid= -p ${forwarder}`));
  expect(readFileSync(site.box.path(`/proc/${watch}/cmdline`), 'utf8')).toMatch(/^tproxy_watch\0/);
  for (const pid of [forwarder, watch]) {
    for (const { CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs, Umask } of threadsOf(site.box, pid)) {
      expect({ CapPrm, CapEff, CapBnd }).toEqual({ CapPrm: all, CapEff: all, CapBnd: all });
      expect({ CapInh, CapAmb }).toEqual({ CapInh: '0'.repeat(16), CapAmb: '0'.repeat(16) });
      expect({ NoNewPrivs, Umask }).toEqual({ NoNewPrivs: '1', Umask: '0027' });
    }
  }
});

test('the runtime directory is closed to everybody but root, each socket but to its listener', async () => {
  const list = await site.box.sh('cd /run/one_tproxy && find . -printf "./%P %m %u\\n"');
  const files = Object.fromEntries(
    list
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[0], line.slice(line.indexOf(' ') + 1)]),
  );
  expect(files).toMatchObject({
    './': '711 root',
    './control.sock': '600 root',
    './settings.json': '600 root',
    './lock': '600 root',
    './bridge.br0': '711 root',
    './bridge.br0/listener.sock': '600 nobody',
    './bridge.br1/listener.sock': '600 nobody',
  });
  // What else there is, records, is not for others either: their directory can't be entered, or they can't be read.
  const asNobody = (script: string) =>
    site.box.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--', 'bash', '-c', script]);
  const { stdout } = await asNobody(
    'find /run/one_tproxy -type f -readable; ls /run/one_tproxy; ls /run/one_tproxy/attachments',
  );
  expect(stdout).toBe('');
});

test('in a user namespace, where there is no other user, a listener has no capability and all the rest', async () => {
  const other = await createSite({ services: { 80: `${UPSTREAM_ADDRESS}:1111` }, userns: true });
  try {
    await startGreeter(other.host, 1111, 'served');
    await other.hypervisor.deploy(other.guest);
    expect(await ask(other.guest, 80)).toBe('served');
    const { pid } = await other.hypervisor.listener('br0');
    for (const { CapPrm, CapEff, CapBnd, NoNewPrivs, Seccomp } of threadsOf(other.box, pid)) {
      expect(new Set([CapPrm, CapEff, CapBnd])).toEqual(new Set(['0'.repeat(16)]));
      expect({ NoNewPrivs, Seccomp }).toEqual({ NoNewPrivs: '1', Seccomp: SECCOMP_FILTER });
    }
    expect(readdirSync(other.box.path(`/proc/${pid}/root`))).not.toContain('etc');
  } finally {
    await other.hypervisor.tproxy('stop');
    await other.box.close();
  }
});

test('on a host that lets nothing be mounted, a listener says so and has all the rest', async () => {
  const other = await createSite({ services: { 80: `${UPSTREAM_ADDRESS}:1111` } });
  try {
    await startGreeter(other.host, 1111, 'served');
    // As under a security module that forbids it: the program that the launcher mounts with fails.
    await other.box.sh(String.raw`
      printf '%s\n' '#!/bin/sh' 'echo "mount: \"$0\" may not" >&2' 'exit 32' > /run/no-mount && chmod 755 /run/no-mount
      mount --bind /run/no-mount "$(readlink -f "$(command -v mount)")"
    `);
    await other.hypervisor.deploy(other.guest);
    expect(await ask(other.guest, 80)).toBe('served');
    const { pid } = await other.hypervisor.listener('br0');
    for (const { Uid, CapPrm, CapEff, CapBnd, NoNewPrivs, Seccomp } of threadsOf(other.box, pid)) {
      expect(new Set(Uid?.split('\t'))).toEqual(new Set(['65534']));
      expect(new Set([CapPrm, CapEff, CapBnd])).toEqual(new Set(['0'.repeat(16)]));
      expect({ NoNewPrivs, Seccomp }).toEqual({ NoNewPrivs: '1', Seccomp: SECCOMP_FILTER });
    }
    expect(readdirSync(other.box.path(`/proc/${pid}/root`))).toContain('etc');
    expect(other.hypervisor.log('one_tproxy_br0')).toContainEqual(
      expect.objectContaining({
        level: 40,
        title: 'one_tproxy_br0',
        // What would break a line of JSON is gone.
        msg: expect.stringMatching(
          /cannot give the listener a private root directory \(mount: {2}\S+\/mount {2}may not\): it runs in the host's$/,
        ),
      }),
    );
  } finally {
    await other.box.close();
  }
});
