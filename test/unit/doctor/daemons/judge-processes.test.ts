import { describe, expect, test } from 'vitest';
import {
  judgeDescriptors,
  judgeForwarder,
  judgeListener,
  judgeStrangers,
  judgeWatch,
} from '../../../../src/doctor/daemons/judge-processes.ts';
import type { ProcessFacts } from '../../../../src/doctor/look/process-facts.ts';

const USER = { name: 'oneadmin', uid: 9869, gid: 9869 };
const LISTENER: ProcessFacts = {
  pid: 20,
  role: 'listener',
  bridge: 'br0',
  astray: false,
  uid: USER.uid,
  capabilities: '0000000000000000',
  noNewPrivs: true,
  version: '1.0',
  openFiles: 10,
  fileLimit: 1000,
};
const FORWARDER: ProcessFacts = { ...LISTENER, pid: 10, role: 'forwarder', bridge: undefined, uid: 0 };
const WATCH: ProcessFacts = { ...FORWARDER, pid: 9, role: 'watch' };

describe('listener', () => {
  const wanted = { served: true, user: USER, version: '1.0' };
  test.each<[string, readonly ProcessFacts[], Partial<typeof wanted>, object]>([
    [
      'as it should be',
      [FORWARDER, LISTENER],
      {},
      { verdict: 'ok', seen: 'one_tproxy_br0 (20), as oneadmin without capabilities' },
    ],
    ['not needed', [], { served: false }, { verdict: 'ok' }],
    [
      'none',
      [FORWARDER, { ...LISTENER, bridge: 'br1' }],
      {},
      { verdict: 'failed', seen: 'one_tproxy_br0 does not run', remedy: 'run tproxy start' },
    ],
    [
      'astray',
      [{ ...LISTENER, astray: true }],
      {},
      {
        verdict: 'failed',
        seen: expect.stringContaining('no longer that of br0'),
        remedy: 'run tproxy reload',
      },
    ],
    [
      'of nobody',
      [LISTENER],
      { served: false },
      { verdict: 'warning', seen: expect.stringContaining('without endpoints') },
    ],
    [
      'twice',
      [LISTENER, { ...LISTENER, pid: 21 }],
      {},
      { verdict: 'warning', seen: '2 processes one_tproxy_br0: 20, 21' },
    ],
    [
      'as root',
      [{ ...LISTENER, uid: 0 }],
      {},
      { verdict: 'failed', seen: 'one_tproxy_br0 (20) runs as uid 0, not as oneadmin' },
    ],
    [
      'with capabilities',
      [{ ...LISTENER, capabilities: '00000000a80425fb' }],
      {},
      { verdict: 'failed', seen: expect.stringContaining('has privileges') },
    ],
    ['with a way to privileges', [{ ...LISTENER, noNewPrivs: false }], {}, { verdict: 'failed' }],
    [
      'old',
      [{ ...LISTENER, version: '0.9' }],
      {},
      {
        verdict: 'warning',
        seen: 'one_tproxy_br0 (20) is version 0.9, installed is 1.0',
        remedy: 'run tproxy restart',
      },
    ],
    ['of a version that did not tell', [{ ...LISTENER, version: undefined }], {}, { verdict: 'ok' }],
  ])('%s', (_name, processes, change, finding) => {
    expect(judgeListener('br0', processes, { ...wanted, ...change })).toMatchObject(finding);
  });

  test('in a user namespace without other users it stays root', () => {
    const processes = [{ ...LISTENER, uid: 0 }];
    expect(judgeListener('br0', processes, { ...wanted, user: undefined }).verdict).toBe('ok');
  });
});

describe('forwarder', () => {
  test.each<[string, readonly ProcessFacts[], boolean, object]>([
    ['as it should be', [WATCH, FORWARDER, LISTENER], true, { verdict: 'ok', seen: 'one_tproxy (10)' }],
    ['not needed', [], false, { verdict: 'ok' }],
    [
      'none',
      [WATCH],
      true,
      { verdict: 'failed', seen: 'one_tproxy does not run', remedy: 'run tproxy start' },
    ],
    [
      'for nobody',
      [FORWARDER],
      false,
      { verdict: 'warning', seen: expect.stringContaining('no bridge has an endpoint') },
    ],
    [
      'twice',
      [FORWARDER, { ...FORWARDER, pid: 11 }],
      true,
      { verdict: 'failed', seen: '2 forwarders: 10, 11' },
    ],
    ['old', [{ ...FORWARDER, version: '0.9' }], true, { verdict: 'warning', remedy: 'run tproxy restart' }],
  ])('%s', (_name, processes, needed, finding) => {
    expect(judgeForwarder(processes, { needed, version: '1.0' })).toMatchObject(finding);
  });
});

test('watch', () => {
  expect(judgeWatch([WATCH])).toEqual({ verdict: 'ok', seen: 'tproxy_watch (9)' });
  expect(judgeWatch([FORWARDER])).toMatchObject({ verdict: 'warning', remedy: 'run tproxy restart' });
});

test.each([
  [10, 'ok'],
  [700, 'ok'],
  [701, 'warning'],
  [951, 'failed'],
] as const)('%i of 1000 descriptors: %s', (openFiles, verdict) => {
  expect(judgeDescriptors({ ...FORWARDER, openFiles })).toMatchObject({
    verdict,
    seen: `${openFiles} of 1000 in use`,
    ...(verdict === 'ok' ? {} : { remedy: expect.stringContaining('ulimit -n 2000 && tproxy restart') }),
  });
});

test('strangers', () => {
  expect(judgeStrangers([]).verdict).toBe('ok');
  const ruby = { title: 'one_tproxy', pid: 7, ruby: true };
  expect(judgeStrangers([ruby])).toMatchObject({
    verdict: 'failed',
    seen: "OpenNebula's own tproxy in Ruby still runs: one_tproxy (7)",
    remedy: 'run tproxy start, which ends it and takes over',
  });
  expect(judgeStrangers([ruby, { title: 'one_tproxy_br0', pid: 8, ruby: false }])).toMatchObject({
    verdict: 'warning',
    seen: 'not of this program: one_tproxy_br0 (8)',
    remedy: 'see what it is: ps -fp 8',
  });
});
