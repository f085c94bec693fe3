import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOST_VARIABLE, ROLE_VARIABLE } from '../../src/process/roles.ts';
import type { Daemon } from '../support/hypervisor.ts';
import { ask, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

let site: Site;
let forwarder: Daemon;
let listener: Daemon;

beforeAll(async () => {
  site = await createSite({ services: { 80: `${UPSTREAM_ADDRESS}:1111` } });
  await startGreeter(site.host, 1111, 'first');
  await site.hypervisor.deploy(site.guest);
  forwarder = await site.hypervisor.forwarder();
  listener = await site.hypervisor.listener('br0');
});

afterAll(async () => {
  await site.box.close();
});

function statusOf(pid: number, thread = pid): Record<string, string> {
  const text = readFileSync(site.box.path(`/proc/${pid}/task/${thread}/status`), 'utf8');
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
}

function threadsOf(pid: number): number[] {
  return readdirSync(site.box.path(`/proc/${pid}/task`)).map(Number);
}

function netnsOf(pid: number, thread = pid): string {
  return readlinkSync(site.box.path(`/proc/${pid}/task/${thread}/ns/net`));
}

test('a guest is served at a port below 1024', async () => {
  expect(await ask(site.guest, 80)).toBe('first');
});

describe('the listener', () => {
  test('has no user id, group or capability that counts for anything', () => {
    const wanted = { CapInh: '', CapPrm: '', CapEff: '', CapBnd: '', CapAmb: '' };
    for (const thread of threadsOf(listener.pid)) {
      const status = statusOf(listener.pid, thread);
      expect(status.Uid).not.toMatch(/\b0\b/);
      expect(status.Gid).not.toMatch(/\b0\b/);
      expect(status.Groups).toBe('');
      expect(status.NoNewPrivs).toBe('1');
      const capabilities = Object.keys(wanted).map((name) => [name, status[name]?.replace(/^0+$/, '')]);
      expect(Object.fromEntries(capabilities)).toEqual(wanted);
    }
  });

  test('has all its threads in the netns of its bridge', async () => {
    const inside = (await site.box.netns('one_tproxy_br0').sh('readlink /proc/self/ns/net')).trim();
    const threads = threadsOf(listener.pid);
    expect(threads.length).toBeGreaterThan(0);
    expect(threads.map((thread) => netnsOf(listener.pid, thread))).toEqual(threads.map(() => inside));
  });

  test('holds no TCP socket but those it listens on, and none of the root namespace', async () => {
    const open = readdirSync(site.box.path(`/proc/${listener.pid}/fd`))
      .map((fd) => readlinkSync(site.box.path(`/proc/${listener.pid}/fd/${fd}`)))
      .filter((target) => target.startsWith('socket:'))
      .map((target) => target.slice('socket:['.length, -1));
    const tcp = (table: string) =>
      table
        .split('\n')
        .slice(1)
        .filter((line) => open.includes(line.trim().split(/\s+/)[9] ?? ''))
        .map((line) => line.trim().split(/\s+/)[1]);
    const there = await site.box.netns('one_tproxy_br0').sh('cat /proc/net/tcp');
    const root = await site.box.sh('cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp');
    // 169.254.16.9:80 as the kernel writes it.
    expect(tcp(there)).toEqual(['0910FEA9:0050']);
    expect(tcp(root)).toEqual([]);
  });
});

describe('the forwarder', () => {
  test('stands in the root namespace with all its threads', async () => {
    const root = (await site.box.sh('readlink /proc/self/ns/net')).trim();
    const threads = threadsOf(forwarder.pid);
    expect(threads.map((thread) => netnsOf(forwarder.pid, thread))).toEqual(threads.map(() => root));
  });

  test('is the only one, and listens on no TCP or UDP port', async () => {
    const titles = site.box
      .processes()
      .map(({ cmdline }) => cmdline)
      .filter((cmdline) => cmdline.startsWith('one_tproxy'));
    expect(titles.sort()).toEqual(['one_tproxy', 'one_tproxy_br0']);
    expect(await site.box.sh('ss -Hltun')).toBe('');
  });
});

test('daemons have no terminal and hold no directory', () => {
  for (const { pid } of [forwarder, listener]) {
    const stat = readFileSync(site.box.path(`/proc/${pid}/stat`), 'utf8');
    const [, , , , tty] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    expect(tty).toBe('0');
    expect(readlinkSync(site.box.path(`/proc/${pid}/cwd`))).toBe('/');
  }
});

test('status is not fooled by a stranger with our title', async () => {
  const before = await site.hypervisor.daemons();
  const stranger = site.box.spawn(['bash', '-c', 'exec -a one_tproxy sleep 60']);
  const alike = () => site.box.processes().filter(({ cmdline }) => cmdline.startsWith('one_tproxy 60'));
  await expect.poll(alike).toHaveLength(1);
  expect(await site.hypervisor.daemons()).toEqual(before);
  await stranger.stop();
});

const LISTENER = 'one_tproxy_br7';
test.each([
  ['a forwarder', 'one_tproxy', 'forwarder', ''],
  ['a watch', 'tproxy_watch', 'forwarder', ''],
  ['a forwarder that drains', 'tproxy_old', 'forwarder', ''],
  ['a listener', LISTENER, LISTENER, ''],
  ['a listener in a namespace of its own', LISTENER, LISTENER, 'unshare --map-root-user --net'],
])('nor by a local user who has our environment as well: %s', async (_, title, role, place) => {
  const { box, hypervisor } = site;
  const before = await hypervisor.tproxy('status', '-v');
  const host = statSync(box.path(`/proc/${forwarder.pid}/ns/net`)).ino;
  const user = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
  const variables = `${ROLE_VARIABLE}=${role} ${HOST_VARIABLE}=${host}`;
  const stranger = box.spawn([
    ...['bash', '-c', `exec ${user} ${place} env ${variables} bash -c 'exec -a ${title} cat'`],
  ]);
  const alike = () => box.processes().filter(({ cmdline }) => cmdline === title).length;
  const others = title === 'one_tproxy' ? 1 : 0;
  await expect.poll(alike).toBe(others + 1);
  expect(await hypervisor.tproxy('status', '-v')).toEqual(before);
  await hypervisor.must('start');
  expect(alike()).toBe(others + 1);
  await stranger.stop();
});

test('nor by one that has our environment as well, in another namespace', async () => {
  const before = await site.hypervisor.daemons();
  const imitate = ['env', `${ROLE_VARIABLE}=forwarder`, 'bash', '-c', 'exec -a one_tproxy cat'];
  const stranger = site.box.netns('one_tproxy_br0').spawn(imitate);
  const alike = () => site.box.processes().filter(({ cmdline }) => cmdline === 'one_tproxy');
  await expect.poll(alike).toHaveLength(2);
  expect(await site.hypervisor.daemons()).toEqual(before);
  await stranger.stop();
});
