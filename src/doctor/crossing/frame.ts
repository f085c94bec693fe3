import { isObject, type JsonObject } from '../../system/json.ts';

/** A frame on its way over a bridge, as far as it is known. What is not known may be anything. */
export interface Frame {
  /** `nf_tables` sees these as the names of input and output devices. */
  readonly input: string;
  readonly output: string;
  readonly bridge: string;
  readonly protocol: 'ip' | 'arp';
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  /** Of the connection that it belongs to. */
  readonly state: 'new' | 'established';
}

export type Answer = 'yes' | 'no' | 'maybe';

/** Whether a `match` of `nft -j` holds for a frame. */
export function matches({ op, left, right }: JsonObject, frame: Frame): Answer {
  const known = knownOf(left, frame);
  if (known === 'other-protocol') return 'no';
  if (known === undefined) return 'maybe';
  const equal = known.map((value) => isIn(value, right)).reduce(best, 'no');
  if (op === '!=') return negated(equal);
  return op === '==' || op === 'in' ? equal : 'maybe';
}

function negated(answer: Answer): Answer {
  if (answer === 'maybe') return 'maybe';
  return answer === 'yes' ? 'no' : 'yes';
}

function best(a: Answer, b: Answer): Answer {
  if (a === 'yes' || b === 'yes') return 'yes';
  return a === 'maybe' || b === 'maybe' ? 'maybe' : 'no';
}

type Known = readonly (string | number)[] | undefined | 'other-protocol';

/** What the left side of a match is for this frame, in each way that it may be written. */
function knownOf(left: unknown, frame: Frame): Known {
  if (!isObject(left)) return undefined;
  if (isObject(left.meta)) return metaOf(left.meta.key, frame);
  if (isObject(left.ct)) return left.ct.key === 'state' ? [frame.state] : undefined;
  if (!isObject(left.payload)) return undefined;
  const { protocol, field } = left.payload;
  if (protocol === 'ether') return field === 'type' ? [frame.protocol] : undefined;
  const tcp = protocol === 'tcp' || protocol === 'th';
  if (protocol !== frame.protocol && !(tcp && frame.protocol === 'ip')) {
    return typeof protocol === 'string' ? 'other-protocol' : undefined;
  }
  return fieldOf(tcp, field, frame);
}

function metaOf(key: unknown, frame: Frame): Known {
  switch (key) {
    case 'iif':
    case 'iifname':
      return [frame.input];
    case 'oif':
    case 'oifname':
      return [frame.output];
    case 'ibrname':
    case 'obrname':
      return [frame.bridge];
    case 'protocol':
      return [frame.protocol];
    case 'nfproto':
      return frame.protocol === 'ip' ? ['ipv4', 2] : undefined;
    case 'l4proto':
      return frame.protocol === 'ip' ? ['tcp', 6] : 'other-protocol';
    default:
      return undefined;
  }
}

function fieldOf(tcp: boolean, field: unknown, frame: Frame): Known {
  const value = {
    saddr: frame.source,
    daddr: frame.destination,
    sport: tcp ? frame.sourcePort : undefined,
    dport: tcp ? frame.destinationPort : undefined,
    protocol: 'tcp',
  }[String(field)];
  return value === undefined ? undefined : field === 'protocol' ? ['tcp', 6] : [value];
}

/** Whether a value is what the right side says: the value, a list or set with it, a prefix, a range, a wildcard. */
function isIn(value: string | number, right: unknown): Answer {
  if (typeof right === 'number') return value === right ? 'yes' : 'no';
  if (typeof right === 'string') {
    if (right.startsWith('@')) return 'maybe';
    if (right.endsWith('*')) return `${value}`.startsWith(right.slice(0, -1)) ? 'yes' : 'no';
    return `${value}` === right ? 'yes' : 'no';
  }
  if (Array.isArray(right)) return right.map((one) => isIn(value, one)).reduce(best, 'no' as Answer);
  if (!isObject(right)) return 'maybe';
  if (right.set !== undefined) return isIn(value, right.set);
  if (isObject(right.prefix)) return inPrefix(value, right.prefix);
  const { range } = right;
  if (Array.isArray(range) && typeof value === 'number') {
    return Number(range[0]) <= value && value <= Number(range[1]) ? 'yes' : 'no';
  }
  return 'maybe';
}

function inPrefix(value: string | number, { addr, len }: JsonObject): Answer {
  if (typeof addr !== 'string' || typeof len !== 'number') return 'maybe';
  const bits = (text: string) =>
    text
      .split('.')
      .map((byte) => Number(byte).toString(2).padStart(8, '0'))
      .join('');
  return bits(addr).slice(0, len) === bits(`${value}`).slice(0, len) ? 'yes' : 'no';
}
