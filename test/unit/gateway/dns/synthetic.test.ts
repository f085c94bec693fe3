import { describe, expect, it, test } from 'vitest';
import {
  isSynthetic,
  type SyntheticState,
  syntheticAddresses,
} from '../../../../src/gateway/dns/synthetic.ts';
import { formatIpv4, parseIpv4 } from '../../../../src/model/ipv4.ts';
import { seeded } from '../../config/random.ts';

const HOUR = 3_600_000;
const bounds = { namesPerGuest: 3, standsForMs: HOUR, addresses: 5 };
const text = (ip: number | undefined) => ip && formatIpv4(ip);

describe('a synthetic address', () => {
  it('stands for one name, whoever asks', () => {
    const names = syntheticAddresses(bounds);
    expect(text(names.addressOf('a', 'g1', 0))).toBe('198.18.0.1');
    expect(text(names.addressOf('b', 'g1', 0))).toBe('198.18.0.2');
    expect(text(names.addressOf('a', 'g2', 0))).toBe('198.18.0.1');
    expect(names.nameOf(parseIpv4('198.18.0.2'), 'g2', 0)).toBe('b');
    expect(names.nameOf(parseIpv4('198.18.0.3'), 'g2', 0)).toBeUndefined();
  });

  it('is of 198.18.0.0/15, without its ends', () => {
    expect(
      ['198.17.255.255', '198.18.0.0', '198.18.0.1', '198.19.255.254', '198.19.255.255', '198.20.0.0'].map(
        (ip) => isSynthetic(parseIpv4(ip)),
      ),
    ).toEqual([false, false, true, true, false, false]);
  });

  it('is for so many names of a guest, until one has not been used for its time', () => {
    const names = syntheticAddresses(bounds);
    for (const [at, name] of ['a', 'b', 'c'].entries()) names.addressOf(name, 'g1', at);
    expect(names.addressOf('d', 'g1', HOUR - 1)).toBeUndefined();
    // Dialled: "a" stays, and "b" is the one that goes.
    names.nameOf(parseIpv4('198.18.0.1'), 'g1', HOUR - 1);
    expect(text(names.addressOf('d', 'g1', HOUR + 1))).toBe('198.18.0.4');
    expect(names.addressOf('e', 'g1', HOUR + 1)).toBeUndefined();
    // Another guest is not concerned, and names that are known cost nothing.
    expect(text(names.addressOf('a', 'g1', HOUR + 1))).toBe('198.18.0.1');
    expect(text(names.addressOf('e', 'g2', HOUR + 1))).toBe('198.18.0.5');
    // Nobody has taken the address of "b" yet.
    expect(names.nameOf(parseIpv4('198.18.0.2'), 'g1', HOUR + 1)).toBe('b');
  });

  it('is given to another name only when its time is over, the least recently used first', () => {
    const names = syntheticAddresses(bounds);
    for (const [at, name] of ['a', 'b', 'c', 'd', 'e'].entries()) names.addressOf(name, `g${at}`, at);
    expect(names.addressOf('f', 'g9', HOUR - 1)).toBeUndefined();
    names.addressOf('a', 'g0', HOUR - 1);
    expect(text(names.addressOf('f', 'g9', HOUR + 1))).toBe('198.18.0.2');
    expect(names.nameOf(parseIpv4('198.18.0.2'), 'g9', HOUR + 1)).toBe('f');
    expect(names.addressOf('g', 'g9', HOUR + 1)).toBeUndefined();
  });

  it('is not kept for a guest that only scans', () => {
    const names = syntheticAddresses(bounds);
    names.addressOf('a', 'g1', 0);
    for (let ms = 0; ms < HOUR; ms += HOUR / 4) names.nameOf(parseIpv4('198.18.0.1'), 'g2', ms);
    expect(names.state().names).toEqual([['a', '198.18.0.1', { g1: 0 }]]);
  });

  it('outlives the process, with the bounds of each guest', () => {
    const first = syntheticAddresses(bounds);
    for (const [at, name] of ['a', 'b', 'c'].entries()) first.addressOf(name, 'g1', at);
    const kept = JSON.parse(JSON.stringify(first.state())) as SyntheticState;
    const second = syntheticAddresses(bounds, kept);
    expect(second.nameOf(parseIpv4('198.18.0.3'), 'g2', 5)).toBe('c');
    expect(second.addressOf('d', 'g1', 5)).toBeUndefined();
    expect(text(second.addressOf('d', 'g2', 5))).toBe('198.18.0.4');
    expect(second.state().names.slice(0, 3)).toEqual(kept.names);
  });

  it('is not taken from a state that contradicts itself', () => {
    const names = syntheticAddresses(bounds, {
      names: [
        ['a', '198.18.0.1', {}],
        ['a', '198.18.0.2', {}],
        ['b', '198.18.0.1', {}],
        ['c', '10.0.0.1', {}],
        ['d', 'nonsense', {}],
      ],
    });
    expect(names.state().names).toEqual([['a', '198.18.0.1', {}]]);
  });
});

test('an address never changes its name within the time', { timeout: 60_000 }, () => {
  const random = seeded(18);
  const names = syntheticAddresses({ namesPerGuest: 6, standsForMs: 100, addresses: 20 });
  const promised = new Map<string, { ip: number; until: number }>();
  let [given, refused] = [0, 0];
  for (let now = 0; now < 20_000; now += 1) {
    const name = `n${random.below(40)}`;
    const ip = names.addressOf(name, `g${random.below(8)}`, now);
    if (ip === undefined) refused += 1;
    else {
      given += 1;
      promised.set(name, { ip, until: now + 100 });
    }
    for (const [known, { ip: theirs, until }] of promised) {
      if (now >= until) promised.delete(known);
      else if (names.nameOf(theirs, 'nobody', now) !== known) expect([known, now]).toBe('kept');
    }
  }
  expect([given > 1000, refused > 1000]).toEqual([true, true]);
});
