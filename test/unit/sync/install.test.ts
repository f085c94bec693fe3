import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { differenceOf, isSame } from '../../../src/sync/difference.ts';
import { applyScript, installScript, lookScript, parseLook } from '../../../src/sync/scripts.ts';
import { packTree, type Sums, sumsOf } from '../../../src/sync/tree.ts';
import { runProgram } from '../../../src/system/run.ts';

/** The scripts for hypervisors, run by this machine's sh on a directory. */
let work: string;
let here: string;
let there: string;
let archive: string;
let sums: Sums;

const CONFIGURATION = 'etc/vnm/OpenNebulaNetwork.conf';
/** Stands for the executable: says what it was asked for. */
const EXECUTABLE =
  '#!/bin/sh\ncase $1 in --version) echo 0.1.0;; status) [ -e "$0.running" ] || exit 3;; --config) cat "$2"; echo "$3";; *) echo "$1 done";; esac\n';

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode: path.endsWith('tproxy') ? 0o755 : 0o644 });
  }
}

function sh(script: string) {
  const { status, stdout, stderr } = spawnSync('sh', ['-s'], { input: script, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** What is on the host, with what the scripts must not leave there. */
function state(): Record<string, string> {
  const files = readdirSync(there, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(there, path)).isFile(),
  );
  return Object.fromEntries(files.sort().map((path) => [path, readFileSync(join(there, path), 'utf8')]));
}

beforeEach(async () => {
  work = mkdtempSync(join(tmpdir(), 'sync-test-'));
  [here, there] = [join(work, 'here'), join(work, 'there')];
  write(here, {
    'vnm/tproxy': EXECUTABLE,
    'vnm/tproxy.d/entry.mjs': 'new',
    'vnm/tproxy.d/chunk-B.mjs': 'B',
    'vnm/bridge/pre.d/50 tproxy': 'hook',
    [CONFIGURATION]: ':tproxy: []\n',
  });
  write(there, {
    'vnm/tproxy': EXECUTABLE.replace('0.1.0', '0.0.9'),
    'vnm/tproxy.d/entry.mjs': 'old',
    'vnm/tproxy.d/chunk-A.mjs': 'A',
    'vnm/ovswitch/pre': 'of somebody else',
    [CONFIGURATION]: 'old\n',
  });
  sums = await sumsOf(here);
  archive = await packTree(runProgram, here, sums, join(there, 'tree.tar.gz'));
});

afterEach(() => {
  rmSync(work, { recursive: true, force: true });
});

test('sums of a tree; one without the program is refused', async () => {
  expect([...sums.keys()].sort()).toEqual([
    CONFIGURATION,
    'vnm/bridge/pre.d/50 tproxy',
    'vnm/tproxy',
    'vnm/tproxy.d/chunk-B.mjs',
    'vnm/tproxy.d/entry.mjs',
  ]);
  expect(sums.get('vnm/tproxy.d/entry.mjs')).toBe(createHash('sha256').update('new').digest('hex'));
  rmSync(join(here, 'vnm/tproxy.d'), { recursive: true });
  await expect(sumsOf(here)).rejects.toThrow('no vnm/tproxy with vnm/tproxy.d in it');
});

test('files take their places, what is old in the library goes, the rest stays', async () => {
  write(there, { '.tproxy-sync.1/vnm/x': 'of a sync that was broken off' });
  utimesSync(join(there, '.tproxy-sync.1'), 0, 0);
  expect(sh(installScript(there, archive, sums, true))).toMatchObject({ status: 0, stderr: '' });
  expect(Object.keys(state())).toEqual([
    '.tproxy-restart-due',
    ...[...sums.keys(), 'vnm/ovswitch/pre'].sort(),
  ]);
  expect(isSame(differenceOf(sums, await sumsOf(there)))).toBe(true);
  expect(statSync(join(there, 'vnm/tproxy')).mode & 0o777).toBe(0o755);
});

test.each(['027', '077'])('listeners can read the program under umask %s', async (umask) => {
  chmodSync(join(here, 'vnm/tproxy'), 0o700);
  chmodSync(join(here, 'vnm/tproxy.d/entry.mjs'), 0o600);
  archive = await packTree(runProgram, here, sums, join(there, 'tree.tar.gz'));
  rmSync(join(there, 'vnm'), { recursive: true });
  expect(sh(`umask ${umask}\n${installScript(there, archive, sums, true)}`)).toMatchObject({ status: 0 });
  const modeOf = (path: string): number => statSync(join(there, path)).mode & 0o777;
  const modes = ['', 'vnm', 'vnm/tproxy', 'vnm/tproxy.d', 'vnm/tproxy.d/entry.mjs', 'vnm/bridge/pre.d'].map(
    modeOf,
  );
  expect(modes).toEqual([0o755, 0o755, 0o755, 0o755, 0o644, 0o755]);
  expect(isSame(differenceOf(sums, parseLook(sh(lookScript(there, '')).stdout).sums))).toBe(true);
});

test.each([
  ['vnm', 0o700],
  ['vnm/tproxy.d', 0o750],
  ['vnm/tproxy.d/entry.mjs', 0o600],
])('a program that listeners can not read is brought again: %s', (path, mode) => {
  sh(installScript(there, archive, sums, true));
  chmodSync(there, 0o755);
  chmodSync(join(there, path), mode);
  const { sums: found } = parseLook(sh(lookScript(there, '')).stdout);
  expect(differenceOf(sums, found)).toMatchObject({ program: true, configuration: false });
});

test('onto a host that has nothing', async () => {
  const fresh = join(there, 'fresh');
  mkdirSync(fresh);
  expect(sh(installScript(fresh, archive, sums, true))).toMatchObject({ status: 0, stderr: '' });
  expect(isSame(differenceOf(sums, await sumsOf(fresh)))).toBe(true);
});

test.each([
  ['cut off', () => truncateSync(archive, 100), 'the archive arrived broken: nothing was changed'],
  ['missing', () => rmSync(archive), 'the archive arrived broken: nothing was changed'],
  [
    'with another file in it',
    () => {
      write(here, { 'vnm/tproxy.d/entry.mjs': 'forged' });
      execFileSync('tar', ['-C', here, '-czf', archive, 'vnm', 'etc']);
    },
    'files arrived damaged: nothing was changed',
  ],
])('an archive that is %s changes nothing', (_name, damage, message) => {
  const before = state();
  damage();
  const { status, stderr } = sh(installScript(there, archive, sums, true));
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(message) });
  const { 'tree.tar.gz': _archive, ...rest } = before;
  expect(state()).toEqual(rest);
});

test('a look tells sums, version and plan, and leaves nothing', () => {
  const before = state();
  const { status, stdout, stderr } = sh(lookScript(there, "it's $HOME\n"));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const look = parseLook(stdout);
  expect(look.version).toBe('0.0.9');
  expect(look.plan).toEqual(["it's $HOME", 'plan']);
  expect(differenceOf(sums, look.sums)).toMatchObject({
    program: true,
    configuration: true,
    removed: ['vnm/tproxy.d/chunk-A.mjs'],
  });
  expect(state()).toEqual(before);
});

test('where no configuration goes along the host plans with the one that it has', () => {
  const look = parseLook(sh(lookScript(there, undefined)).stdout);
  expect(look).toMatchObject({ plan: [], planNow: ['plan done'] });
});

test('a look at a host that has nothing, or another tproxy', () => {
  expect(parseLook(sh(lookScript('/nonexistent/one', '')).stdout)).toMatchObject({
    sums: new Map(),
    plan: [],
  });
  rmSync(join(there, 'vnm/tproxy.d'), { recursive: true });
  expect(parseLook(sh(lookScript(there, '')).stdout)).toMatchObject({ version: undefined, plan: [] });
});

test('daemons are restarted where the program changed, also when that failed before', () => {
  const due = join(there, '.tproxy-restart-due');
  expect(sh(applyScript(there, true)).stdout).toMatch(/begins\napply done\n$/);
  writeFileSync(join(there, 'vnm/tproxy.running'), '');
  const restarted = /begins\nrestart done\nrestarted: .*\napply done\n$/;
  expect(sh(applyScript(there, true)).stdout).toMatch(restarted);
  expect(sh(applyScript(there, false)).stdout).toMatch(/begins\napply done\n$/);
  writeFileSync(due, '');
  expect(sh(applyScript(there, false)).stdout).toMatch(restarted);
  expect(existsSync(due)).toBe(false);
  write(there, { 'vnm/tproxy': '#!/bin/sh\necho "ERROR: $1: no" >&2; [ "$1" = status ]\n' });
  expect(sh(applyScript(there, true))).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('ERROR: restart: no'),
  });
  expect(existsSync(due)).toBe(true);
});
