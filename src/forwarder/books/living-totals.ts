import { type RelaySum, readSums } from '../../dataplane/relay-sums.ts';
import { addTotals, NOTHING, type Totals } from '../../model/stats.ts';

/** What living relays have moved so far: per bridge, then per service port and per address of the guest. */
export interface LivingTotals {
  readonly services: Sums;
  /** Address 0 stands for guests that were not told apart. */
  readonly guests: Sums;
}

type Sums = ReadonlyMap<string, ReadonlyMap<number, Totals>>;

/** Reads the data plane's sums. A bridge that went and came back had several ids. */
export function livingTotals(
  sums: Float64Array,
  nameOf: (bridgeId: number) => string | undefined,
): LivingTotals {
  const services = new Map<string, Map<number, Totals>>();
  const guests = new Map<string, Map<number, Totals>>();
  for (const sum of readSums(sums)) {
    const bridge = nameOf(sum.bridgeId);
    if (bridge === undefined) continue;
    add(services, bridge, sum.servicePort, sum);
    add(guests, bridge, sum.guestIp, sum);
  }
  return { services, guests };
}

function add(
  sums: Map<string, Map<number, Totals>>,
  bridge: string,
  key: number,
  { relays, bytesToUpstream, bytesToGuest }: RelaySum,
): void {
  const ofBridge = sums.get(bridge) ?? new Map<number, Totals>();
  sums.set(bridge, ofBridge);
  const totals = { connections: relays, relays, bytesToUpstream, bytesToGuest };
  ofBridge.set(key, addTotals(ofBridge.get(key) ?? NOTHING, totals));
}
