import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Admission } from '../../../../src/dataplane/admission/admission.ts';
import { Guest } from '../../../../src/dataplane/admission/guests.ts';
import { Bridge } from '../../../../src/dataplane/bridge.ts';
import type { ServiceSocketsOwner } from '../../../../src/dataplane/listeners/service-sockets.ts';
import type { AdmissionLimits, ServiceRoute } from '../../../../src/dataplane/messages.ts';
import type { Relay } from '../../../../src/dataplane/relay/relay.ts';
import { NO_ADMISSION_LIMITS, route } from '../dataplane-bench.ts';

let lastId = 0;

/** A bridge with so many services and living relays. */
function bridge(services = 1, relays = 0): Bridge {
  const made = new Bridge({} as ServiceSocketsOwner<Bridge>, `br${++lastId}`, lastId);
  made.routes = new Map(
    Array.from({ length: services }, (_, i) => [i + 1, route(80, { servicePort: i + 1 })]),
  );
  for (let i = 0; i < relays; i++) made.relays.add({} as Relay);
  return made;
}

function admission(limits: Partial<AdmissionLimits> = {}, descriptors = 100_000): Admission {
  return new Admission({ ...NO_ADMISSION_LIMITS, ...limits }, descriptors);
}

/** How many relays the whole process may have. */
function room(of: Admission): number {
  for (let relays = 0; ; relays++) if (!of.mayAccept(bridge(), relays, 0)) return relays;
}

describe('room for relays', () => {
  test.each([
    ['half the descriptors, less a reserve and what bridges need', 11_024, [[]], 5000],
    ['… of one bridge with three services', 11_024, [[3]], 4997],
    ['… of many', 11_024, [new Array(100).fill(3)], 4700],
    ['… as they are now', 11_024, [new Array(100).fill(3), [3]], 4997],
    ['a few at least', 1000, [[3]], 16],
    ['… whatever bridges need', 2000, [new Array(1000).fill(250)], 16],
  ])('%s', (_, descriptors, reserves, relays) => {
    const each = admission({}, descriptors);
    for (const services of reserves) each.reserve(services.map((count: number) => bridge(count)));
    expect(room(each)).toBe(relays);
  });

  test('is there again once there is some more than none', () => {
    const each = admission({}, 3024);
    const one = bridge();
    const steps: [relays: number, may: boolean][] = [
      [999, true],
      [1000, false],
      [999, false],
      [981, false],
      [979, true],
      [999, true],
    ];
    expect(steps.map(([relays]) => [relays, each.mayAccept(one, relays, 0)])).toEqual(steps);
  });
});

describe('a bridge', () => {
  test.each<[string, Partial<AdmissionLimits>, number, boolean]>([
    ['without a limit', {}, 5000, true],
    ['below its limit', { bridgeConnections: 5000 }, 4999, true],
    ['at its limit', { bridgeConnections: 5000 }, 5000, false],
    ['above one that was lowered', { bridgeConnections: 10 }, 5000, false],
  ])('%s', (_, limits, relays, may) => {
    expect(admission(limits).mayAccept(bridge(1, relays), relays, 0)).toBe(may);
  });

  test('at its rate has to wait, others do not; what is refused does not count', () => {
    const each = admission({ bridgeRate: 10, guestConnections: 5 });
    const [busy, other] = [bridge(), bridge()];
    const guest = new Guest(1);
    const to = busy.routes.get(1) as ServiceRoute;
    for (let i = 0; i < 5; i++) {
      expect(each.mayAccept(busy, 0, 0)).toBe(true);
      expect(each.refusal(busy, guest, to, 0, false)).toBeUndefined();
      guest.connections += 1;
    }
    for (let i = 0; i < 100; i++) expect(each.refusal(busy, guest, to, 0, false)).toBe('guest-limit');
    guest.connections = 0;
    for (let i = 0; i < 5; i++) {
      expect(each.mayAccept(busy, 0, 0)).toBe(true);
      each.refusal(busy, guest, to, 0, false);
    }
    expect(each.mayAccept(busy, 0, 0)).toBe(false);
    expect(each.mayAccept(other, 0, 0)).toBe(true);
    expect(each.mayAccept(busy, 0, 99)).toBe(false);
    expect(each.mayAccept(busy, 0, 100)).toBe(true);
  });
});

describe('one bridge beside others', () => {
  /** How many relays each of these bridges gets when all want as many as they can get, one at a time. */
  function grab(hungry: number, idle: number): number[] {
    // Room for 1000 relays.
    const each = admission({}, 3024 + 4 * (hungry + idle));
    const bridges = Array.from({ length: hungry + idle }, () => bridge(1));
    each.reserve(bridges);
    const wanting = bridges.slice(0, hungry);
    for (let relays = 0, before = -1; relays !== before; ) {
      before = relays;
      for (const one of wanting) {
        if (!each.mayAccept(one, relays, 0)) continue;
        one.relays.add({} as Relay);
        relays += 1;
      }
    }
    return wanting.map(({ relays }) => relays.size);
  }

  test.each([
    ['alone on the host has it all', 1, 0, [1000]],
    ['leaves a fifth to another one', 1, 1, [800]],
    ['… to many others no more', 1, 50, [800]],
    ['two that take what they can leave a ninth', 2, 1, [445, 444]],
    ['three leave a thirteenth', 3, 1, [308, 308, 308]],
  ])('%s', (_, hungry, idle, shares) => {
    const got = grab(hungry, idle);
    expect(got).toHaveLength(shares.length);
    for (const [i, share] of got.entries()) expect(Math.abs(share - (shares[i] ?? 0))).toBeLessThanOrEqual(1);
  });

  test('takes connections again when there is more room', () => {
    const each = admission({}, 3032);
    const [greedy, other] = [bridge(1, 800), bridge(1, 100)];
    each.reserve([greedy, other]);
    expect(each.mayAccept(greedy, 900, 0)).toBe(false);
    expect(each.mayAccept(other, 900, 0)).toBe(true);
    expect(each.mayAccept(greedy, 799, 0)).toBe(true);
  });
});

describe('one guest beside another one of its bridge', () => {
  /** How many relays so many hungry guests get of 1000, one at a time, on a host with so many bridges. */
  function grab(hungry: number, bridges: number, services = 1): number[] {
    const each = admission({}, 3024 + 4 * bridges);
    const all = Array.from({ length: bridges }, () => bridge());
    each.reserve(all);
    const [one] = all as [Bridge];
    const wanting = Array.from({ length: hungry }, (_, ip) =>
      Array.from({ length: services }, (_, i) =>
        one.guests.of(ip, route(80, { servicePort: i, ...(i > 0 ? { guestRate: 0 } : {}) })),
      ),
    );
    for (let relays = 0, before = -1; relays !== before; ) {
      before = relays;
      for (const guest of wanting.flat()) {
        if (!each.mayAccept(one, relays, 0) || each.hasItsShare(one, guest, relays)) continue;
        one.relays.add({} as Relay);
        guest.opened();
        relays += 1;
      }
    }
    // Another one is served at once.
    expect(each.mayAccept(one, one.relays.size, 0)).toBe(true);
    expect(each.hasItsShare(one, one.guests.of(99, route(80)), one.relays.size)).toBe(false);
    return wanting.map(([guest]) => guest?.whole.allConnections ?? 0);
  }

  test.each([
    ['leaves a fifth', 1, 1, 1, [800]],
    ['… at all services together', 1, 1, 5, [800]],
    ['… of what its bridge may have, where there are others', 1, 3, 1, [762]],
    ['two that take what they can leave a ninth', 2, 1, 1, [445, 444]],
  ])('%s', (_, hungry, bridges, services, shares) => {
    const got = grab(hungry, bridges, services);
    expect(got).toHaveLength(shares.length);
    for (const [i, share] of got.entries()) expect(Math.abs(share - (shares[i] ?? 0))).toBeLessThanOrEqual(1);
  });
});

test('after exhaustion nothing is accepted for a moment', () => {
  const each = admission();
  const one = bridge();
  each.rest(1000);
  expect([1000, 1099, 1100].map((now) => each.mayAccept(one, 0, now))).toEqual([false, false, true]);
});

describe('bridges that wait', () => {
  let each: Admission;
  const resumed: string[] = [];
  const wait = (...bridges: Bridge[]): void => {
    for (const one of bridges) {
      each.paused.add(one);
      vi.spyOn(one.sockets, 'resume').mockImplementation(() => {
        resumed.push(one.name);
      });
    }
  };
  beforeEach(() => {
    resumed.length = 0;
  });

  test('are listened to again in the order in which they began to wait', () => {
    each = admission({}, 3024);
    const [a, b, c] = [bridge(), bridge(), bridge()];
    expect(each.mayAccept(a, 1000, 0)).toBe(false);
    wait(b, a, c);
    expect(each.isBusy).toBe(true);
    each.resume(990, 0);
    expect(resumed).toEqual([]);
    each.resume(979, 0);
    expect(resumed).toEqual([b.name, a.name, c.name]);
    expect(each.isBusy).toBe(false);
    wait(a);
    wait(b);
    each.resume(979, 0);
    expect(resumed.slice(3)).toEqual([a.name, b.name]);
  });

  test('do not wait for one that has reached its own limit', () => {
    each = admission({ bridgeConnections: 10 });
    const [full, other] = [bridge(1, 10), bridge()];
    wait(full, other);
    each.resume(10, 0);
    expect(resumed).toEqual([other.name]);
    expect(each.paused).toEqual(new Set([full]));
    full.relays.clear();
    each.resume(0, 0);
    expect(resumed).toEqual([other.name, full.name]);
  });

  test('are looked at in every tick, as long as there is one, or a refusal to tell of', () => {
    each = admission();
    expect(each.isBusy).toBe(false);
    each.refusals.add(1, 'guest-rate', 1, 80);
    expect(each.isBusy).toBe(true);
  });
});
