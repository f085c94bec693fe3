import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ListenerLaunch } from '../../../../src/forwarder/bridges/listener-launch.ts';

let argv: [string, ...string[]];
let started: ChildProcess[];
let failures: string[];
let launch: ListenerLaunch;

beforeEach(() => {
  argv = ['sleep', '60'];
  started = [];
  const heard: string[] = [];
  failures = heard;
  launch = new ListenerLaunch(
    'br0',
    () => {
      const [program, ...rest] = argv;
      const child = spawn(program, rest, { stdio: 'ignore' });
      started.push(child);
      return child;
    },
    ({ message }) => heard.push(message),
  );
});
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
});

const ended = (child: ChildProcess | undefined) => expect.poll(() => child?.signalCode ?? child?.exitCode);

test('one process at a time is on its way, until it has introduced itself', () => {
  launch.begin();
  launch.begin();
  expect(started).toHaveLength(1);
  const pid = started[0]?.pid ?? 0;
  expect(launch.pid).toBe(pid);
  expect(launch.arrived(pid + 1)).toBe(false);
  expect(launch.arrived(pid)).toBe(true);
  expect(launch.arrived(pid)).toBe(false);
  expect(launch.pid).toBeUndefined();
});

test('that it has ended is a failure while it is on its way, and none afterwards', async () => {
  argv = ['false'];
  launch.begin();
  await ended(started[0]).toBe(1);
  expect(failures).toEqual([
    'bridge br0: its listener exited at once (status 1); read /var/log/one_tproxy_br0.log',
  ]);
  expect(launch.pid).toBeUndefined();
  argv = ['sleep', '60'];
  launch.begin();
  launch.arrived(started[1]?.pid ?? 0);
  started[1]?.kill('SIGKILL');
  await ended(started[1]).toBe('SIGKILL');
  expect(failures).toHaveLength(1);
});

test('what can not be started at all is a failure too', async () => {
  argv = ['/nowhere/at/all'];
  launch.begin();
  await expect.poll(() => failures).toEqual([expect.stringMatching(/can't be started \(.*ENOENT\)$/)]);
  argv = ['sleep', '60'];
  launch.begin();
  expect(launch.pid).toBe(started[1]?.pid);
});

test('where there is not even the memory to start one that is said, and it can be tried again', () => {
  argv = ['sleep\0', '60'];
  expect(() => launch.begin()).toThrow(/^bridge br0: its listener can't be started \(.*\)$/);
  argv = ['sleep', '60'];
  launch.begin();
  expect(launch.pid).toBe(started[0]?.pid);
});

test('one that is abandoned is killed, and the next one is not held to account for it', async () => {
  launch.begin();
  launch.abandon();
  launch.begin();
  await ended(started[0]).toBe('SIGKILL');
  expect(failures).toEqual([]);
  expect(launch.pid).toBe(started[1]?.pid);
});
