import { isMap, type Node } from 'yaml';
import { type Limits, MAX_LIMIT } from '../model/limits.ts';
import { collectFields } from './collect-fields.ts';
import { faultProblem, type Surroundings, unknownKey } from './faults.ts';
import type { Problem } from './problem.ts';
import { fault, type Judge } from './verdict.ts';
import { wholeNumber } from './whole-number.ts';
import { describe } from './written.ts';
import type { YamlSource } from './yaml-source.ts';

export const LIMIT_KEYS = {
  guestConnections: 'guest_connections',
  guestRate: 'guest_rate',
  bridgeConnections: 'bridge_connections',
  bridgeRate: 'bridge_rate',
} as const satisfies Record<keyof Limits, string>;

export const ALL_LIMITS = ['guestConnections', 'guestRate', 'bridgeConnections', 'bridgeRate'] as const;
export const SERVICE_LIMITS = ['guestConnections', 'guestRate'] as const;

export const limit = wholeNumber('limit', 0, MAX_LIMIT);

/** The value of a key that holds limits: a mapping or nothing. What is in it `parseLimits` tells. */
export function limitsMapping(names: readonly (keyof Limits)[]): Judge<void> {
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
  names: readonly (keyof Limits)[],
  source: YamlSource,
  owner: string,
): { readonly limits: Limits; readonly problems: readonly Problem[] } {
  if (!isMap(node)) return { limits: {}, problems: [] };
  const { fields, values, duplicates } = collectFields(source.fields(node), source, owner);
  const known = names.map((name) => LIMIT_KEYS[name]);
  const around: Surroundings = { fields, whole: source.position(node), owner, known };
  const unknown = Object.keys(values).filter((key) => !known.some((name) => name === key));
  const problems = [...duplicates, ...unknown.map((key) => unknownKey(key, around))];

  const limits: { -readonly [name in keyof Limits]?: number } = {};
  for (const name of names) {
    const written = values[LIMIT_KEYS[name]];
    if (written === undefined || written === null) continue;
    const verdict = limit(written);
    if ('value' in verdict) limits[name] = verdict.value;
    else problems.push(...verdict.faults.map((found) => faultProblem(LIMIT_KEYS[name], found, around)));
  }
  return { limits, problems };
}
