import { execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLog } from '../../../src/process/child-log.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tproxy-log-'));
  path = join(directory, 'listener.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Descriptors of the log that this process has. */
function openLogs(): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      // That of the directory itself.
      return false;
    }
  });
}

test('a child writes to it', () => {
  withLog(path, (log) => execFileSync('echo', ['it works'], { stdio: ['ignore', log, 'inherit'] }));
  expect(readFileSync(path, 'utf8')).toBe('it works\n');
});

test('no descriptor is left, whether the child could be started or not', () => {
  expect(withLog(path, openLogs)).toHaveLength(1);
  expect(openLogs()).toEqual([]);
  const start = () => withLog(path, (log) => spawn('true\0', { stdio: ['ignore', log, log] }));
  expect(start).toThrow('null bytes');
  expect(openLogs()).toEqual([]);
});

test('where it can not be opened the child does without', () => {
  expect(withLog(directory, (log) => log)).toBe('ignore');
});

test('a file of somebody else is none', () => {
  writeFileSync(path, 'theirs');
  chownSync(path, 1000, 1000);
  expect(withLog(path, (log) => log)).toBe('ignore');
});
