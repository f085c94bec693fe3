import type { Rule, RuleSource } from './rule.ts';
import { indexRules, type RuleIndex } from './rule-index.ts';

/** A client as the rule file has it. */
export interface ClientDefinition {
  readonly name: string;
  readonly source: RuleSource;
  /** SHA-256 of its token; undefined: it has none. */
  readonly tokenHash: Buffer | undefined;
  /** Names and ids; undefined: any network. Written ones narrow. */
  readonly networks: ReadonlySet<string> | undefined;
  readonly vms: ReadonlySet<string> | undefined;
  readonly rules: readonly Rule[];
}

/** A client, ready to be judged. */
export interface Client extends ClientDefinition {
  readonly index: RuleIndex;
}

/** Where a guest's connection comes from, by the records of attachments. What is not known is undefined, and no client has it. */
export interface Place {
  readonly vm: string | undefined;
  readonly network: string | undefined;
  readonly networkId: string | undefined;
}

export function compileClient(definition: ClientDefinition): Client {
  return { ...definition, index: indexRules(definition.rules) };
}

/** Whether a guest at this place may be this client. A client that names neither networks nor VMs may be anywhere, and is known by its token alone. */
export function isAt({ networks, vms }: ClientDefinition, { vm, network, networkId }: Place): boolean {
  const has = (set: ReadonlySet<string>, key: string | undefined) => key !== undefined && set.has(key);
  if (networks !== undefined && !has(networks, network) && !has(networks, networkId)) return false;
  return vms === undefined || has(vms, vm);
}
