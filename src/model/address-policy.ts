import { type Address, formatAddress, formatRange, inRange, parseRange, type Range } from './address.ts';
import { type Embedding, embeddedIpv4 } from './embedded-ipv4.ts';
import { GLOBAL_IPV6, type Kind, NAT64_IPV6, SPECIAL_RANGES } from './special-ranges.ts';

/** What this hypervisor is and allows. */
export interface Surroundings {
  /** Addresses of the hypervisor itself, in every namespace, and whatever else is never to be dialled. */
  readonly own: readonly Range[];
  /** Networks of guests. */
  readonly guests: readonly Range[];
  /** `:reach:`. */
  readonly reach: readonly Range[];
}

/** Why an address is not dialled. */
export interface Forbidden {
  readonly kind: Kind | 'own' | 'guests';
  /** The range that says so. */
  readonly range: string;
  /** Where the range comes from. */
  readonly source: string;
  /** The IPv4 address inside of an IPv6 address that is meant, and how it got there. */
  readonly embedded?: { readonly by: Embedding; readonly address: string };
}

/** Undefined: the address may be dialled. */
export type AddressPolicy = (address: Address) => Forbidden | undefined;

const SPECIAL = SPECIAL_RANGES.map((special) => ({ ...special, parsed: fixed(special.range) }));
const GLOBAL = fixed(GLOBAL_IPV6.range);
const NAT64 = fixed(NAT64_IPV6.range);

/**
 * Judges addresses that a name led to, whatever the rules say. `reach` opens private and shared ranges only, and only for addresses that
 * are written as they are: what hides in an IPv6 address is judged as if there were no `reach`.
 */
export function addressPolicy({ own, guests, reach }: Surroundings): AddressPolicy {
  const ours = [
    ...own.map((range) => ({ range, kind: 'own', source: 'addresses of this hypervisor' }) as const),
    ...guests.map((range) => ({ range, kind: 'guests', source: 'networks of guests' }) as const),
  ];

  return (address) => {
    const direct = judge(address, reach);
    if (typeof direct === 'object') return direct;
    if (address.family === 4) return undefined;
    const embedded = embeddedIpv4(address.bytes);
    for (const ip of embedded?.addresses ?? []) {
      const inner: Address = { family: 4, ip };
      const found = judge(inner, []);
      if (typeof found === 'object' && embedded !== undefined)
        return { ...found, embedded: { by: embedded.by, address: formatAddress(inner) } };
    }
    // What is mapped goes out as IPv4.
    if (direct === 'opened' || embedded?.by === 'mapped') return undefined;
    if (inRange(address, GLOBAL) || inRange(address, NAT64)) return undefined;
    const { range, source } = GLOBAL_IPV6;
    return { kind: 'reserved', range: `outside of ${range}`, source };
  };

  function judge(address: Address, open: readonly Range[]): Forbidden | 'opened' | undefined {
    for (const { range, kind, source } of ours) {
      if (inRange(address, range)) return { kind, range: formatRange(range), source };
    }
    const special = SPECIAL.find(({ parsed }) => inRange(address, parsed));
    if (special === undefined) return undefined;
    if (special.opens === 'by-reach' && open.some((range) => inRange(address, range))) return 'opened';
    return { kind: special.kind, range: special.range, source: special.source };
  }
}

function fixed(text: string): Range {
  const range = parseRange(text);
  if (range === undefined) throw new Error(`${text} is no range`);
  return range;
}
