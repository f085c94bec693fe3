import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { Sandbox, type SandboxOptions } from '../support/sandbox.ts';

/** The other tests prove nothing when the place they run in lets things through. */
describe.each<{ name: string; options: SandboxOptions }>([
  { name: 'sandbox', options: {} },
  { name: 'sandbox in a user namespace', options: { userns: true } },
])('$name', ({ options }) => {
  let box: Sandbox | undefined;
  afterEach(async () => {
    await box?.close();
  });

  test('has links, netns and nftables of its own', async () => {
    const before = readdirSync('/sys/class/net');
    box = await Sandbox.create(options);
    await box.sh(`
      ip link add br0 type bridge
      ip netns add one_tproxy_br0
      ip link add br0b type veth peer name br0a netns one_tproxy_br0
      nft add table ip one_tproxy
    `);
    expect(await box.sh('ip -o link | cut -d: -f2 | tr -d " " | sort | xargs')).toBe('br0 br0b@if2 lo\n');
    expect((await box.netns('one_tproxy_br0').sh('ip -o link')).split('\n')).toHaveLength(3);
    expect(readdirSync('/sys/class/net')).toEqual(before);
    expect(existsSync('/run/netns/one_tproxy_br0')).toBe(false);
  });

  test('tells output, errors and exit status of a program', async () => {
    box = await Sandbox.create(options);
    const result = await box.run(['bash', '-c', 'cat; echo oops >&2; exit 7'], { input: 'text' });
    expect(result).toEqual({ status: 7, stdout: 'text', stderr: 'oops\n' });
    await expect(box.sh('echo on the way; echo why >&2; false; echo not here')).rejects.toThrow(
      /exit 1 .*on the way\n\nstderr:\nwhy/s,
    );
    await expect(box.sh('sleep 60', { timeoutMs: 200 })).rejects.toThrow(/still running after 200 ms/);
  });

  test('does not wait for a daemon that holds the output open', async () => {
    box = await Sandbox.create(options);
    await expect(box.run(['bash', '-c', 'sleep 60 & echo started'])).rejects.toThrow(/holds its output open/);
  });

  test('runs servers beside the test', async () => {
    box = await Sandbox.create(options);
    const server = box.spawn(['bash', '-c', 'read -r name; echo "hello $name"; sleep 60']);
    server.stdin.write('world\n');
    expect((await server.waitFor(/hello (\w+)/))[1]).toBe('world');
    await expect(server.waitFor(/never/, 100)).rejects.toThrow(/not within 100 ms/);
    await server.stop();
    expect(server.status).toBe(143);
    await expect(server.waitFor(/never/)).rejects.toThrow(/exited with 143/);
  });

  test('ends a server that is stopped, or deaf', async () => {
    box = await Sandbox.create(options);
    const stopped = box.spawn(['bash', '-c', 'echo here; kill -STOP $$; sleep 60']);
    const deaf = box.spawn(['bash', '-c', 'trap "" TERM; echo here; sleep 60']);
    await Promise.all([stopped.waitFor(/here/), deaf.waitFor(/here/)]);
    await box.close();
    // SIGTERM is enough when it comes before the stop.
    expect([137, 143]).toContain(stopped.status);
    expect(deaf.status).toBe(137);
  });

  test('keeps its files to itself and shows them to the test', async () => {
    box = await Sandbox.create(options);
    writeFileSync(box.path('/run/test/input'), 'from outside');
    await box.sh('cat /run/test/input > /var/log/one_tproxy_br0.log');
    expect(readFileSync(box.path('/var/log/one_tproxy_br0.log'), 'utf8')).toBe('from outside');
    expect(existsSync('/var/log/one_tproxy_br0.log')).toBe(false);
  });

  test('ends what it started', async () => {
    box = await Sandbox.create(options);
    box.spawn(['sleep', '600']);
    await box.sh('true');
    const held = box.path('');
    await box.close();
    expect(existsSync(held)).toBe(false);
  });
});

/** A zombie that the machine's init has not taken yet has no command line. */
function runs(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

async function leaveDaemon(box: Sandbox): Promise<{ pid: number; cmdline: string }[]> {
  onTestFinished(async () => {
    await box.close().catch(() => {});
  });
  await box.sh('setsid sleep 600 >/dev/null 2>&1 </dev/null &');
  await expect.poll(() => box.processes()).toMatchObject([{ cmdline: 'sleep 600' }]);
  return box.processes();
}

test('a sandbox takes daemons with it', async () => {
  const box = await Sandbox.create();
  const daemons = await leaveDaemon(box);
  await box.close();
  expect(daemons.filter(({ pid }) => runs(pid))).toEqual([]);
});

test('a daemon that a test leaves in a user namespace makes close() fail, and is ended', async () => {
  const box = await Sandbox.create({ userns: true });
  const daemons = await leaveDaemon(box);
  await expect(box.close()).rejects.toThrow(/left processes running in the sandbox: \d+ sleep 600/);
  expect(daemons.filter(({ pid }) => runs(pid))).toEqual([]);
});
