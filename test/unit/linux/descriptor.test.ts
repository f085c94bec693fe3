import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SyscallError } from '../../../src/errors.ts';
import { close, eventfd, fcntl, O_NONBLOCK, read, tryLock, write } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { allocate } from '../../../src/linux/ffi.ts';

const run = promisify(execFile);
const memory = allocate(16);
const F_GETFL = 3;

describe('eventfd', () => {
  test('counts what is written, is empty after a read, and never blocks', () => {
    const fd = eventfd();
    expect(read(fd, memory.address, 8)).toBe(-Errno.EAGAIN);
    for (const value of [3n, 4n]) {
      memory.view.setBigUint64(0, value, true);
      expect(write(fd, memory.address, 8)).toBe(8);
    }
    expect(read(fd, memory.address, 8)).toBe(8);
    expect(memory.view.getBigUint64(0, true)).toBe(7n);
    expect(read(fd, memory.address, 8)).toBe(-Errno.EAGAIN);
    close(fd);
  });

  test('is closed in programs that this process starts', () => {
    const fd = eventfd();
    expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/^flags:\s+02\d{6}$/m);
    close(fd);
  });
});

describe('closed descriptors', () => {
  test('answer with EBADF', () => {
    const fd = eventfd();
    close(fd);
    expect(read(fd, memory.address, 8)).toBe(-Errno.EBADF);
    expect(write(fd, memory.address, 8)).toBe(-Errno.EBADF);
    expect(fcntl(fd, F_GETFL, 0)).toBe(-Errno.EBADF);
  });
});

test('fcntl answers what the kernel does', () => {
  const fd = eventfd();
  expect(fcntl(fd, F_GETFL, 0) & O_NONBLOCK).toBe(O_NONBLOCK);
  close(fd);
});

describe('tryLock', () => {
  let directory = '';
  let file = '';
  let holder: ChildProcess | undefined;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tproxy-lock-'));
    file = join(directory, 'lock');
  });
  afterEach(() => {
    holder?.kill('SIGKILL');
    holder = undefined;
    rmSync(directory, { recursive: true });
  });

  test('is refused while another process holds the lock, and got once that process is gone', async () => {
    holder = spawn('flock', ['--no-fork', '--exclusive', file, 'sh', '-c', 'echo held; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => holder?.stdout?.once('data', resolve));
    const fd = openSync(file, 'a');
    expect(tryLock(fd)).toBe(false);
    const gone = new Promise((resolve) => holder?.once('exit', resolve));
    holder.kill('SIGKILL');
    await gone;
    expect(tryLock(fd)).toBe(true);
    closeSync(fd);
  });

  test('keeps another process out until the descriptor is closed', async () => {
    const fd = openSync(file, 'a');
    expect(tryLock(fd)).toBe(true);
    await expect(
      run('flock', ['--nonblock', '--conflict-exit-code', '75', file, 'true']),
    ).rejects.toMatchObject({
      code: 75,
    });
    closeSync(fd);
    await run('flock', ['--nonblock', file, 'true']);
  });

  test('two open files of one process exclude each other', () => {
    const first = openSync(file, 'a');
    const second = openSync(file, 'a');
    expect(tryLock(first)).toBe(true);
    expect(tryLock(first)).toBe(true);
    expect(tryLock(second)).toBe(false);
    closeSync(first);
    expect(tryLock(second)).toBe(true);
    closeSync(second);
  });

  test('says so when it is no lock that is in the way', () => {
    const fd = openSync(file, 'a');
    closeSync(fd);
    expect(() => tryLock(fd)).toThrow(SyscallError);
    expect(() => tryLock(fd)).toThrow('flock: EBADF');
  });
});
