import { describe, expect, test } from 'vitest';
import { judgeArp, judgeGuard, judgePolice, judgeRedirect } from '../../../../src/doctor/bridge/judge-nft.ts';
import { judgePlan } from '../../../../src/doctor/bridge/judge-plan.ts';
import {
  judgeInside,
  judgeNetns,
  judgeRuleset,
  judgeSysctls,
  judgeVeth,
} from '../../../../src/doctor/bridge/judge-plumbing.ts';
import type { Facts, InsideFacts } from '../../../../src/driver/facts/facts.ts';
import { netnsSysctls } from '../../../../src/driver/rules/netns-sysctls.ts';
import type { Policing } from '../../../../src/model/limits.ts';
import type { NftChain } from '../../../../src/system/nft-chains.ts';
import { MAC, PLUMBED, PORT_MAC, plumbed, policeChain } from '../../driver/facts.ts';

const APPLY = { verdict: 'failed', remedy: 'run tproxy apply' };

describe('veth pair', () => {
  test.each<[string, Facts, object]>([
    ['as it should be', PLUMBED, { verdict: 'ok', seen: 'port of br0, up, MTU 1500' }],
    ['with the netns unknown', plumbed({ netns: { is: 'missing' } }), { verdict: 'ok' }],
    ['missing', plumbed({ port: { is: 'missing' } }), { ...APPLY, seen: 'there is no br0b' }],
    [
      'a stranger',
      plumbed({ port: { is: 'stranger', kind: 'dummy' } }),
      {
        verdict: 'failed',
        seen: 'br0b is a device of kind dummy, not ours',
        remedy: expect.stringMatching(/^rename or delete/),
      },
    ],
    [
      'in no bridge',
      plumbed({ port: { master: undefined } }),
      { ...APPLY, seen: 'br0b is no port of any bridge, not of br0' },
    ],
    [
      'in another bridge',
      plumbed({ port: { master: 'br7' } }),
      { ...APPLY, seen: 'br0b is a port of br7, not of br0' },
    ],
    ['down', plumbed({ port: { up: false } }), { ...APPLY, seen: 'br0b is down' }],
    [
      'without its other end',
      plumbed({ device: 'missing' }),
      { ...APPLY, seen: 'the other end of br0b is not br0a in one_tproxy_br0' },
    ],
    [
      'paired with something else',
      plumbed({ device: { peerIndex: 99 } }),
      { ...APPLY, seen: expect.stringContaining('the other end') },
    ],
    [
      'too small',
      plumbed({ port: { mtu: 1400 } }),
      { verdict: 'warning', seen: 'MTU 1400 and 1500 where the other ports of br0 have 1500' },
    ],
  ])('%s', (_name, facts, finding) => {
    expect(judgeVeth(facts, 1500, PORT_MAC)).toMatchObject(finding);
  });
});

test.each([
  ['present', { verdict: 'ok', seen: 'one_tproxy_br0' }],
  ['missing', { ...APPLY, seen: 'there is no network namespace one_tproxy_br0' }],
  ['stale', { ...APPLY, seen: '/run/netns/one_tproxy_br0 is a file with no namespace behind it' }],
] as const)('network namespace: %s', (state, finding) => {
  expect(judgeNetns('br0', state)).toMatchObject(finding);
});

function inside(facts: Facts): InsideFacts {
  if (facts.netns.is !== 'present') throw new Error('no netns');
  return facts.netns.inside;
}

describe('inside the netns', () => {
  test.each<[string, Facts, object]>([
    [
      'as it should be',
      PLUMBED,
      { verdict: 'ok', seen: `169.254.16.9/32 on br0a, default route, MAC ${MAC}` },
    ],
    ['no device', plumbed({ device: 'missing' }), { ...APPLY, seen: 'there is no br0a in it' }],
    ['device down', plumbed({ device: { up: false } }), { ...APPLY, seen: 'br0a is down' }],
    [
      'no address',
      plumbed({ device: { hasAddress: false } }),
      { ...APPLY, seen: 'br0a does not have 169.254.16.9/32' },
    ],
    [
      'no route',
      plumbed({ inside: { hasRoute: false } }),
      { ...APPLY, seen: expect.stringContaining('no default route') },
    ],
    [
      'plumbed by stock drivers',
      plumbed({ inside: { loUp: false } }),
      { verdict: 'ok', seen: expect.stringContaining('lo is down') },
    ],
  ])('%s', (_name, facts, finding) => {
    expect(judgeInside('br0', inside(facts))).toMatchObject(finding);
  });

  test('settings that are not what they should be', () => {
    const wanted = netnsSysctls('br0a');
    expect(judgeSysctls('br0', inside(PLUMBED))).toEqual({ verdict: 'ok', seen: `${wanted.size} settings` });
    const wrong = new Map([...wanted, ['net/ipv4/ip_forward', '1'] as const]);
    expect(judgeSysctls('br0', inside(plumbed({ inside: { sysctls: wrong } })))).toMatchObject({
      verdict: 'warning',
      seen: 'net/ipv4/ip_forward is 1, should be 0',
    });
    const all = new Map([...wanted.keys()].map((path) => [path, '7'] as const));
    expect(judgeSysctls('br0', inside(plumbed({ inside: { sysctls: all } })))).toMatchObject({
      seen: expect.stringMatching(new RegExp(`and ${wanted.size - 3} more$`)),
    });
    // A kernel without IPv6 does not have some.
    expect(judgeSysctls('br0', inside(plumbed({ inside: { sysctls: new Map() } }))).verdict).toBe('ok');
  });
});

describe('ARP chain', () => {
  const chain = (rule: NftChain['rules'][number]): NftChain => ({ base: 'x', rules: [rule] });
  const PORT_SET = chain({ comment: 'one_tproxy 1', ibrname: false, sets: ['veth_ports'] });
  const IBRNAME = chain({ comment: 'one_tproxy 1', ibrname: true, sets: [] });
  const STOCK = chain({ ibrname: true, sets: [] });
  test.each<[string, Facts, NftChain | undefined, object]>([
    [
      'fallback',
      PLUMBED,
      PORT_SET,
      { verdict: 'ok', seen: expect.stringContaining('form: set of veth ports') },
    ],
    ['ibrname', PLUMBED, IBRNAME, { verdict: 'ok', seen: 'in force, form: meta ibrname' }],
    [
      'stock',
      plumbed({ nft: { chain: 'wrong-rules' } }),
      STOCK,
      { verdict: 'ok', seen: expect.stringContaining('stock drivers') },
    ],
    [
      'missing',
      plumbed({ nft: { chain: 'missing' } }),
      undefined,
      { ...APPLY, seen: expect.stringContaining('there is no chain ch_br0') },
    ],
    [
      'elsewhere',
      plumbed({ nft: { chain: 'wrong-hook' } }),
      PORT_SET,
      { ...APPLY, seen: expect.stringContaining('forward hook') },
    ],
    [
      'other rules',
      plumbed({ nft: { chain: 'wrong-rules' } }),
      PORT_SET,
      { ...APPLY, seen: expect.stringContaining('the rules of chain ch_br0') },
    ],
    [
      'not in the set',
      plumbed({ nft: { portSet: { state: 'shared', listed: false } } }),
      PORT_SET,
      { ...APPLY, seen: expect.stringContaining('br0b is not in the set') },
    ],
  ])('%s', (_name, facts, found, finding) => {
    expect(judgeArp(facts, found)).toMatchObject(finding);
  });
});

describe('nearest proxy', () => {
  const redirect = (
    taps: ReadonlyMap<string, string> | undefined,
    chain: 'right' | 'missing' | 'wrong-rules' = 'right',
  ) => plumbed({ nft: { redirect: { chain, taps } } });
  const OWN = new Map([['one-7-0', MAC]]);
  test.each<[string, Facts, readonly string[], object]>([
    ['no record', redirect(undefined, 'missing'), [], { verdict: 'ok', seen: 'no recorded VM needs it' }],
    ['right', redirect(OWN), ['one-7-0'], { verdict: 'ok', seen: `1 tap → ${MAC}` }],
    ['no chain', redirect(OWN, 'missing'), ['one-7-0'], { ...APPLY, seen: 'chain nearest is missing' }],
    [
      'wrong chain',
      redirect(OWN, 'wrong-rules'),
      ['one-7-0'],
      { ...APPLY, seen: 'chain nearest is not what it should be' },
    ],
    [
      'tap not in it',
      redirect(new Map()),
      ['one-7-0'],
      { ...APPLY, seen: 'not in the map of taps: one-7-0' },
    ],
    [
      'another MAC',
      redirect(new Map([['one-7-0', '02:00:00:00:00:99']])),
      ['one-7-0'],
      { ...APPLY, seen: `sent to another MAC than ${MAC}: one-7-0` },
    ],
  ])('%s', (_name, facts, taps, finding) => {
    expect(judgeRedirect(facts, taps)).toMatchObject(finding);
  });
});

describe('what apply would do', () => {
  const outcome = { bridge: 'br0', decision: 'services', steps: [], endpoints: [] } as const;
  const step = { do: 'set-port-up', port: 'br0b' } as const;
  test.each([
    [undefined, { verdict: 'ok' }],
    [outcome, { verdict: 'ok', seen: 'tproxy apply has nothing to do' }],
    [
      { ...outcome, decision: 'leave' as const, why: 'somebody else plumbed it' },
      { verdict: 'ok', seen: 'left as it is: somebody else plumbed it' },
    ],
    [
      { ...outcome, steps: [step] },
      { verdict: 'warning', seen: 'tproxy apply would set br0b up' },
    ],
    [
      { ...outcome, decision: 'remove' as const, why: 'its bridge is gone', steps: Array(6).fill(step) },
      { verdict: 'warning', seen: expect.stringMatching(/ and 2 more: its bridge is gone$/) },
    ],
    [
      { ...outcome, decision: 'failed' as const, why: 'bridge br0: br0b is taken' },
      { verdict: 'failed', seen: 'bridge br0: br0b is taken' },
    ],
  ])('%#', (given, finding) => {
    expect(judgePlan(given)).toMatchObject(finding);
  });
});

describe('limit of ports', () => {
  const POLICING = { portRate: 300, portBandwidth: 400 };
  const OFF = { portRate: 0, portBandwidth: 0 };
  test.each<[Policing | undefined, NftChain | undefined, string, string]>([
    [OFF, undefined, 'ok', 'none is configured'],
    [
      POLICING,
      policeChain(POLICING),
      'ok',
      '300 new connections/s and 400 Mbit/s; 14 packets dropped on all bridges so far',
    ],
    [
      { ...OFF, portRate: 5 },
      policeChain({ ...OFF, portRate: 5 }),
      'ok',
      '5 new connections/s; 7 packets dropped on all bridges so far',
    ],
    [
      POLICING,
      undefined,
      'warning',
      'a port may send more than 300 new connections/s and 400 Mbit/s: chain police is missing',
    ],
    [
      POLICING,
      policeChain({ ...POLICING, portRate: 1 }),
      'warning',
      'a port may send more than 300 new connections/s and 400 Mbit/s: chain police is not what it should be',
    ],
    [OFF, policeChain(POLICING), 'warning', 'chain police is there, and no limit is configured'],
    [undefined, undefined, 'ok', 'none'],
    [undefined, policeChain(POLICING), 'ok', 'as it was configured once; the configuration does not tell'],
  ])('%j', (policing, police, verdict, seen) => {
    expect(judgePolice(plumbed({ nft: { police } }), policing)).toMatchObject({ verdict, seen });
  });
});

test('guard of the service address, and the ruleset inside', () => {
  expect(judgeGuard(PLUMBED).verdict).toBe('ok');
  expect(judgeGuard(plumbed({ nft: { guard: 'missing' } }))).toMatchObject({
    verdict: 'warning',
    seen: 'chain guard is missing: a guest can claim 169.254.16.9',
  });
  expect(judgeGuard(plumbed({ nft: { guard: 'wrong-rules' } })).verdict).toBe('warning');
  expect(judgeRuleset(inside(PLUMBED)).verdict).toBe('ok');
  expect(judgeRuleset(inside(plumbed({ inside: { guarded: false } })))).toMatchObject({ verdict: 'warning' });
});
