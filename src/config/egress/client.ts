import type { EgressClient } from '../../model/egress-rule.ts';
import { describe, fault, type Judge } from '../reader/judge.ts';
import { wholeMapping } from '../reader/mapping.ts';
import { type Position, quote } from '../reader/problem.ts';
import { some, text } from '../reader/scalars.ts';
import { omissible, withDefault } from '../reader/schema.ts';
import { value } from '../reader/value.ts';
import { rules } from './rules.ts';

const TOKEN_HASH = /^sha256:([0-9a-f]{64})$/i;

/** Never quoted: somebody may have written the token itself. */
const tokenHash: Judge<string> = (written) => {
  const remedy = 'write what `tproxy egress client rotate` writes: sha256: and 64 hexadecimal digits';
  if (typeof written !== 'string') return fault(describe(written), remedy);
  const hash = TOKEN_HASH.exec(written)?.[1];
  return hash === undefined ? fault('is no SHA-256 of a token', remedy) : { value: hash.toLowerCase() };
};

const NAME_NETWORK = 'list names or ids of virtual networks, or leave networks out for any';
const network = text<string>((written) => {
  if (written.trim() === '') return fault('is an empty name', NAME_NETWORK);
  return { value: written };
}, NAME_NETWORK);

const NAME_VM = 'list ids of VMs, or leave vms out for any';
const vm = text<string>((written) => {
  if (/^(?:0|[1-9]\d{0,9})$/.test(written)) return { value: written };
  return fault(`is ${quote(written)}, which is no id of a VM`, NAME_VM);
}, NAME_VM);

/** The keys of a client. */
export const CLIENT_KEYS = {
  tokenHash: omissible('token', value(tokenHash), {
    meaning: 'the hash of the token that the client shows; the token itself is stored nowhere',
    accepts: '`sha256:` and 64 hexadecimal digits',
  }),
  networks: omissible('networks', value(some(network, NAME_NETWORK)), {
    meaning: 'the client is a guest of one of these virtual networks; missing: of any',
    accepts: 'list of names and ids',
  }),
  vms: omissible('vms', value(some(vm, NAME_VM)), {
    meaning: 'the client is one of these VMs; missing: any',
    accepts: 'list of ids',
  }),
  rules: withDefault('rules', rules, [], {
    meaning: 'what the client may; the first rule that matches decides, and without one it is denied',
    accepts: 'list of rules',
  }),
} as const;

export interface PlacedClient {
  readonly client: Omit<EgressClient, 'name'>;
  readonly tokenAt: Position;
}

export const client = wholeMapping(
  CLIENT_KEYS,
  {
    remedy: 'write token, networks, vms and rules below it',
    contradictions: ({ fields }) =>
      fields.tokenHash === undefined && fields.networks === undefined && fields.vms === undefined
        ? [
            {
              severity: 'warning',
              wrong: 'has neither token, networks nor vms, so no guest is this client',
              remedy: 'say who it is by one of them',
            },
          ]
        : [],
  },
  ({ fields, at, of }): PlacedClient => ({ client: { line: at.line, ...fields }, tokenAt: of('tokenHash') }),
);
