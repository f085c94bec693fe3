import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { SyscallError } from '../../../src/errors.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { accept, tcpSocket } from '../../../src/linux/tcp-socket.ts';
import { peerCredentials, seqpacketConnect, seqpacketListen } from '../../../src/linux/unix-socket.ts';
import { acceptSoon, openDescriptors } from './endpoints.ts';

const directory = mkdtempSync(join(tmpdir(), 'tproxy-socket-'));
const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
});
afterAll(() => rmSync(directory, { recursive: true }));

function kept<T extends number>(fd: T): T {
  opened.push(fd);
  return fd;
}

describe('unix sockets', () => {
  test('know who is at the other end', () => {
    const path = join(directory, 'who');
    const listening = kept(seqpacketListen(path, 4));
    const client = kept(seqpacketConnect(path));
    const server = kept(acceptSoon(listening));
    const me = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
    expect(peerCredentials(server)).toEqual(me);
    expect(peerCredentials(client)).toEqual(me);
  });

  test('credentials of what is no socket: EBADF with its name', () => {
    const fd = tcpSocket();
    close(fd);
    expect(() => peerCredentials(fd)).toThrow('getsockopt (SO_PEERCRED): EBADF');
  });

  test('nobody there: -ENOENT without a file, -ECONNREFUSED with a stale one, nothing left open', () => {
    const before = openDescriptors();
    expect(seqpacketConnect(join(directory, 'missing'))).toBe(-Errno.ENOENT);
    const path = join(directory, 'stale');
    close(seqpacketListen(path, 4));
    expect(seqpacketConnect(path)).toBe(-Errno.ECONNREFUSED);
    expect(openDescriptors()).toBe(before);
  });

  test('a full backlog is -EAGAIN: connecting never blocks', () => {
    const path = join(directory, 'busy');
    const listening = kept(seqpacketListen(path, 1));
    const before = openDescriptors();
    const results = Array.from({ length: 8 }, () => seqpacketConnect(path));
    const connected = results.filter((fd) => fd >= 0);
    expect(connected.length).toBeLessThan(8);
    expect(new Set(results.filter((fd) => fd < 0))).toEqual(new Set([-Errno.EAGAIN]));
    for (const fd of connected) close(fd);
    expect(openDescriptors()).toBe(before);
    expect(accept(listening)).toBeGreaterThanOrEqual(0);
  });

  test('a path that exists is in use, and no descriptor stays open', () => {
    const path = join(directory, 'taken');
    kept(seqpacketListen(path, 4));
    const before = openDescriptors();
    expect(() => seqpacketListen(path, 4)).toThrow(`bind (${path}): EADDRINUSE`);
    expect(openDescriptors()).toBe(before);
  });

  test.each([
    ['107 bytes fit', 107, true],
    ['108 do not', 108, false],
  ])('%s into an address', (_, length, fits) => {
    const path = join(directory, 'x'.repeat(length - directory.length - 1));
    const before = openDescriptors();
    const listen = () => kept(seqpacketListen(path, 4));
    const connect = () => kept(seqpacketConnect(path));
    if (fits) {
      listen();
      expect(connect()).toBeGreaterThan(0);
    } else {
      for (const attempt of [listen, connect]) {
        expect(attempt).toThrow(SyscallError);
        expect(attempt).toThrow(/ENAMETOOLONG/);
      }
      expect(openDescriptors()).toBe(before);
    }
  });

  test('an address does not keep the tail of a longer one before it', () => {
    const long = join(directory, 'a-name-that-is-long');
    const short = join(directory, 'a-name');
    kept(seqpacketListen(long, 4));
    kept(seqpacketListen(short, 4));
    expect(kept(seqpacketConnect(short))).toBeGreaterThan(0);
    expect(kept(seqpacketConnect(long))).toBeGreaterThan(0);
  });
});
