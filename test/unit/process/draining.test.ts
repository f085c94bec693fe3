import { afterEach, expect, test } from 'vitest';
import { close } from '../../../src/linux/descriptor.ts';
import { connectionsLeft } from '../../../src/process/draining.ts';
import { tcpPair } from '../linux/endpoints.ts';

const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
});

test('connections are counted by their two sockets', () => {
  const before = connectionsLeft(process.pid) ?? 0;
  for (let i = 0; i < 5; i++) opened.push(...Object.values(tcpPair()));
  expect(connectionsLeft(process.pid)).toBe(before + 5);
});

test('of a process that has ended nothing is known', () => {
  expect(connectionsLeft(0x7fff_ffff)).toBeUndefined();
});
