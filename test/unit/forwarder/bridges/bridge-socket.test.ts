import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isInPlace, listenAt } from '../../../../src/forwarder/bridges/bridge-socket.ts';
import { close } from '../../../../src/linux/descriptor.ts';
import { seqpacketConnect } from '../../../../src/linux/unix-socket.ts';
import { openDescriptors } from '../../linux/endpoints.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tproxy-bridge-socket-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('a socket takes the place of another one, open to its user alone', () => {
  const path = join(directory, 'listener.sock');
  const [first, second] = [listenAt(path, undefined), listenAt(path, undefined)];
  expect([first, second].map(isInPlace)).toEqual([false, true]);
  close(first.fd);
  const client = seqpacketConnect(path);
  expect(client).toBeGreaterThan(0);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['listener.sock']);
  for (const fd of [client, second.fd]) close(fd);
  rmSync(path);
  expect(isInPlace(second)).toBe(false);
});

test('where it can not, nothing stays open and nothing lies about', () => {
  const path = join(directory, 'listener.sock');
  mkdirSync(path);
  const before = openDescriptors();
  expect(() => listenAt(path, undefined)).toThrow(/EISDIR/);
  expect(openDescriptors()).toBe(before);
  expect(readdirSync(directory)).toEqual(['listener.sock']);
});
