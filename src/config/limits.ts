import { isMap, type Node } from 'yaml';
import { type Limits, MAX_BANDWIDTH, MAX_LIMIT, type Policing } from '../model/limits.ts';
import { collectFields } from './collect-fields.ts';
import { faultProblem, type Surroundings, unknownKey } from './faults.ts';
import type { Problem } from './problem.ts';
import { fault, type Judge } from './verdict.ts';
import { wholeNumber } from './whole-number.ts';
import { describe } from './written.ts';
import type { YamlSource } from './yaml-source.ts';

/** Every limit that can be written, in one mapping. */
export type AllLimits = Limits & Partial<Policing>;
type LimitName = keyof AllLimits;

export const LIMIT_KEYS = {
  guestConnections: 'guest_connections',
  guestRate: 'guest_rate',
  bridgeConnections: 'bridge_connections',
  bridgeRate: 'bridge_rate',
  portRate: 'port_rate',
  portBandwidth: 'port_bandwidth',
} as const satisfies Record<LimitName, string>;

export const ALL_LIMITS = [
  'guestConnections',
  'guestRate',
  'bridgeConnections',
  'bridgeRate',
  'portRate',
  'portBandwidth',
] as const satisfies readonly LimitName[];
export const SERVICE_LIMITS = ['guestConnections', 'guestRate'] as const satisfies readonly LimitName[];

const number = wholeNumber('limit', 0, MAX_LIMIT);

/** Who judges a limit. */
export const LIMIT_JUDGES: Readonly<Record<LimitName, Judge<number>>> = {
  guestConnections: number,
  guestRate: number,
  bridgeConnections: number,
  bridgeRate: number,
  portRate: number,
  portBandwidth: wholeNumber('bandwidth in Mbit/s', 0, MAX_BANDWIDTH),
};

/** The value of a key that holds limits: a mapping or nothing. What is in it `parseLimits` tells. */
export function limitsMapping(names: readonly LimitName[]): Judge<void> {
  return (written) => {
    // `YamlSource.plain` gives `{}` for a mapping.
    const isMapping = typeof written === 'object' && !Array.isArray(written);
    if (written === undefined || isMapping) return { value: undefined };
    const keys = names.map((name) => `:${LIMIT_KEYS[name]}:`).join(', ');
    return fault(
      `${describe(written)} and no mapping of limits`,
      `write ${keys} below it, each with a number`,
    );
  };
}

/**
 * The limits `names` in the mapping `node`; nothing from anything else. A missing, empty or faulty one is not in the answer.
 * `owner` says in messages where the mapping is: ` of :tproxy_limits:`.
 */
export function parseLimits(
  node: Node | undefined,
  names: readonly LimitName[],
  source: YamlSource,
  owner: string,
): { readonly limits: AllLimits; readonly problems: readonly Problem[] } {
  if (!isMap(node)) return { limits: {}, problems: [] };
  const { fields, values, duplicates } = collectFields(source.fields(node), source, owner);
  const known = names.map((name) => LIMIT_KEYS[name]);
  const around: Surroundings = { fields, whole: source.position(node), owner, known };
  const unknown = Object.keys(values).filter((key) => !known.some((name) => name === key));
  const problems = [...duplicates, ...unknown.map((key) => unknownKey(key, around))];

  const limits: { -readonly [name in LimitName]?: number } = {};
  for (const name of names) {
    const written = values[LIMIT_KEYS[name]];
    if (written === undefined || written === null) continue;
    const verdict = LIMIT_JUDGES[name](written);
    if ('value' in verdict) limits[name] = verdict.value;
    else problems.push(...verdict.faults.map((found) => faultProblem(LIMIT_KEYS[name], found, around)));
  }
  return { limits, problems };
}
