import type { EgressClient } from '../../model/egress-rule.ts';
import { fault } from '../reader/judge.ts';
import { PLAIN_KEYS } from '../reader/key-style.ts';
import { readKeys } from '../reader/keys.ts';
import { named } from '../reader/named.ts';
import { inOrder, type Problem, quote } from '../reader/problem.ts';
import { readFile } from '../reader/read-yaml.ts';
import { text } from '../reader/scalars.ts';
import { isFaulty, type Place, problemAt, type Reads, withDefault } from '../reader/schema.ts';
import { client, type PlacedClient } from './client.ts';

/** What the text of `tproxy_egress.yaml` comes to. */
export interface ParsedRules {
  /** In the order of the file. Undefined: the file has an error, and a file with an error changes nothing. */
  readonly clients: readonly EgressClient[] | undefined;
  /** In the order of the file; warnings alone do no harm. */
  readonly problems: readonly Problem[];
}

const MAX_CLIENTS = 10_000;
const WRITE_NAME = 'write letters, digits, "_", "-" and ".", at most 64 of them, a letter or digit first';

/** It stands before the colon of `NAME:TOKEN`, on command lines, in logs and metrics. */
const clientName = text<string>((written) => {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(written)) return { value: written };
  return fault(`is ${quote(written)}, which is no name of a client`, WRITE_NAME);
}, WRITE_NAME);

const bodies = named(client, {
  item: 'client',
  items: 'clients',
  max: MAX_CLIENTS,
  name: clientName,
  noun: 'mapping of clients',
  remedy: 'write the name of each client below it, with a colon',
});

const clients: Reads<readonly EgressClient[]> = (written, place, source) => {
  const { value, problems } = bodies(written, place, source);
  if (value === undefined) return { problems };
  const list = [...value].map(([name, placed]) => ({ name, ...placed.client }));
  return { value: list, problems: [...problems, ...findSharedTokens(value, place)] };
};

const FILE_KEYS = {
  clients: withDefault('clients', clients, [], {
    meaning: 'whom rules are written for, by name',
    accepts: 'mapping of clients',
  }),
} as const;

/** Reads `tproxy_egress.yaml`. Never throws, whatever the text is. */
export function parseRules(content: string): ParsedRules {
  const read = readFile(content, { style: PLAIN_KEYS, example: 'clients:' }, ({ fields, place, source }) =>
    readKeys(fields, FILE_KEYS, place, source),
  );
  if (!read.readable) return { clients: undefined, problems: read.problems };
  const { fields, problems } = read.value;
  return { clients: isFaulty(problems) ? undefined : fields?.clients, problems: inOrder(problems) };
}

/** A token is shown without a name as well, and then says who somebody is. */
function findSharedTokens(placed: ReadonlyMap<string, PlacedClient>, { style }: Place): readonly Problem[] {
  const owners = new Map<string, string>();
  return [...placed].flatMap(
    ([
      name,
      {
        client: { tokenHash },
        tokenAt,
      },
    ]) => {
      if (tokenHash === undefined) return [];
      const owner = owners.get(tokenHash);
      if (owner === undefined) {
        owners.set(tokenHash, name);
        return [];
      }
      const message = `token of client ${style.show(name)} is that of client ${style.show(owner)}`;
      return [
        problemAt({ key: 'token', at: tokenAt }, message, `run \`tproxy egress client rotate ${name}\``),
      ];
    },
  );
}
