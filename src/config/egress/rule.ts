import { parseHostPattern } from '../../gateway/rules/host-pattern.ts';
import { defaultPorts } from '../../gateway/rules/rule.ts';
import { type EgressHeaders, type EgressRule, secretName } from '../../model/egress-rule.ts';
import { type Contradiction, wholeMapping } from '../reader/mapping.ts';
import type { Position } from '../reader/problem.ts';
import { some, truth } from '../reader/scalars.ts';
import { type Fields, omissible, required } from '../reader/schema.ts';
import { value } from '../reader/value.ts';
import { wholeNumber } from '../reader/whole-number.ts';
import { headers } from './headers.ts';
import { hostPattern } from './host.ts';
import { method } from './method.ts';
import { pathPattern } from './path.ts';

const flag = value(truth);

/** The keys of a rule. None of them may be empty: without its value, a rule would allow more. */
export const RULE_KEYS = {
  host: required('host', value(hostPattern), {
    meaning: 'whom the rule is about; `*.name` is any depth below `name`, and not `name`',
    accepts: 'name, `*.name`, `*`, address or range',
  }),
  ports: omissible(
    'ports',
    value(some(wholeNumber('TCP port', 1, 65_535), 'list ports, or leave ports out')),
    {
      meaning: 'missing: 80 and 443; with `passthrough`, 443',
      accepts: 'list of whole numbers, 1 to 65535',
    },
  ),
  passthrough: omissible('passthrough', flag, {
    meaning: 'relay the bytes as they are; only host and port are judged',
  }),
  deny: omissible('deny', flag, { meaning: 'makes the rule a prohibition' }),
  methods: omissible('methods', value(some(method, 'list methods, or leave methods out for all')), {
    meaning: 'missing: all',
    accepts: 'list of methods',
  }),
  paths: omissible('paths', value(some(pathPattern, 'list paths, or leave paths out for all')), {
    meaning: '`*` stays within a segment unless it is the last character, `**` crosses; missing: all',
    accepts: 'list of paths',
  }),
  requestHeaders: omissible('request_headers', headers('allowed'), {
    meaning: 'headers that are set or removed on the way out; a value may be `secret:NAME`',
    accepts: '`set` and `remove`',
  }),
  responseHeaders: omissible('response_headers', headers('refused'), {
    meaning: 'headers that are set or removed on the way back',
    accepts: '`set` and `remove`',
  }),
} as const;

type Keys = typeof RULE_KEYS;

export interface PlacedRule {
  readonly at: Position;
  readonly rule: Omit<EgressRule, 'number'>;
}

export const rule = wholeMapping(
  RULE_KEYS,
  {
    remedy: 'write host, and what is allowed there, below each other',
    contradictions: ({ fields }) => contradictions(fields),
  },
  ({ fields, at }): PlacedRule => {
    const { passthrough = false, deny = false, ports = defaultPorts(passthrough), ...rest } = fields;
    return { at, rule: { line: at.line, ...rest, ports, passthrough, deny } };
  },
);

function contradictions(fields: Fields<Keys>): readonly Contradiction<Keys>[] {
  const { host, passthrough, deny, requestHeaders } = fields;
  const headerKeys = written(fields, ['requestHeaders', 'responseHeaders']);
  if (passthrough === true) {
    const unseen = [...written(fields, ['methods', 'paths']), ...headerKeys];
    const found: Contradiction<Keys>[] = unseen.map((property) => ({
      property,
      wrong: 'is never seen with passthrough, which relays the bytes as they are',
      remedy: 'take out one of the two',
    }));
    if (deny === true) {
      const wrong = 'is true in a rule that denies, and nothing passes there';
      found.push({ property: 'passthrough', wrong, remedy: 'take out passthrough' });
    }
    return found;
  }
  if (deny === true) {
    return headerKeys.map((property) => ({
      property,
      wrong: 'is of no use in a rule that denies, since nothing is sent',
      remedy: 'take it out',
    }));
  }
  if (isEverybody(host) && hasSecret(requestHeaders)) {
    const wrong = 'has a secret in a rule for every host, so guests could send it to a host of their own';
    return [{ property: 'requestHeaders', wrong, remedy: 'name the host that the secret is for' }];
  }
  return [];
}

function written<P extends keyof Keys>(fields: Fields<Keys>, properties: readonly P[]): readonly P[] {
  return properties.filter((property) => fields[property] !== undefined);
}

function hasSecret(headers: EgressHeaders | undefined): boolean {
  return headers?.set.some(([, value]) => secretName(value) !== undefined) === true;
}

function isEverybody(host: string): boolean {
  const pattern = parseHostPattern(host);
  return (
    'kind' in pattern && (pattern.kind === 'any' || (pattern.kind === 'range' && pattern.range.length === 0))
  );
}
