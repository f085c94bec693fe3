import type { Policing } from '../../model/limits.ts';
import { arpChainName } from '../../model/names.ts';
import type { NftChain } from '../../system/nft-chains.ts';
import {
  ARP_HOOK,
  type ArpForm,
  arpRules,
  REDIRECT_CHAIN,
  REDIRECT_HOOK,
  redirectRules,
} from './arp-rules.ts';
import { GUARD_CHAIN, GUARD_HOOK, GUARD_SETS, guardRules } from './guard-rules.ts';
import { POLICE_CHAIN, POLICE_HOOK, POLICE_SETS, policeRules, policingWords } from './police-rules.ts';

/** What the rules of a chain depend on. */
export interface ChainSubject {
  readonly bridge: string;
  readonly form: ArpForm;
  /** What ports of bridges may send; undefined: nobody knows. */
  readonly policing: Policing | undefined;
  /** What nft at hand can't carry (nft-ability.ts). */
  readonly lacks: ReadonlySet<string>;
}

/** An nft that can carry everything. */
export const NOTHING: ReadonlySet<string> = new Set();

export type ChainVerb = 'create' | 'rewrite' | 'delete';

/** A chain of `table bridge one_tproxy`: all that observing, planning, writing and describing it need to know. */
interface ChainDefinition {
  name(bridge: string): string;
  /** Whether each bridge has one, or all bridges of the host share one. */
  readonly scope: 'bridge' | 'host';
  readonly hook: ChainHook;
  /** Sets that the chain fills itself: name → definition. They come and go with it. */
  readonly sets: Readonly<Record<string, string>>;
  /** The set or map that its rules look into, which is there before the chain and goes after it. */
  readonly looksInto: 'port-set' | 'tap-map';
  /** No rule: there should be no such chain. Undefined: nobody knows what it should be, so it stays as it is. */
  rules(subject: ChainSubject): readonly string[] | undefined;
  /** A step for people, as an order. */
  words(verb: ChainVerb, subject: Pick<ChainSubject, 'bridge' | 'policing'>): string;
}

/** A hook as nft is told it, and as it prints it: type, hook, priority as a number, policy. */
export interface ChainHook {
  readonly text: string;
  readonly read: string;
}

/** In the order in which they are made. A new chain is a new entry here. */
export const CHAINS = {
  arp: {
    name: arpChainName,
    scope: 'bridge',
    hook: ARP_HOOK,
    sets: {},
    looksInto: 'port-set',
    rules: ({ bridge, form }) => arpRules(bridge, form),
    words: (verb, { bridge }) => `${verb} the ARP chain of ${bridge}`,
  },
  guard: {
    name: () => GUARD_CHAIN,
    scope: 'host',
    hook: GUARD_HOOK,
    sets: GUARD_SETS,
    looksInto: 'port-set',
    rules: ({ form, lacks }) => guardRules(form, lacks),
    words: (verb) => `${verb} the chain that guards the service address`,
  },
  police: {
    name: () => POLICE_CHAIN,
    scope: 'host',
    hook: POLICE_HOOK,
    sets: POLICE_SETS,
    looksInto: 'port-set',
    rules: ({ form, policing, lacks }) => {
      if (lacks.has(POLICE_CHAIN)) return [];
      return policing === undefined ? undefined : policeRules(form, policing);
    },
    words: (verb, { policing }) =>
      verb === 'delete' || policing === undefined
        ? 'take the limit of ports away'
        : `limit each port of a bridge to ${policingWords(policing)}`,
  },
  redirect: {
    name: () => REDIRECT_CHAIN,
    scope: 'host',
    hook: REDIRECT_HOOK,
    sets: {},
    looksInto: 'tap-map',
    rules: redirectRules,
    words: (verb) => `${verb} the chain that brings frames to the nearest proxy`,
  },
} as const satisfies Record<string, ChainDefinition>;

export type ChainKind = keyof typeof CHAINS;

export const CHAIN_KINDS = Object.keys(CHAINS) as readonly ChainKind[];

export function chainDefinition(kind: ChainKind): ChainDefinition {
  return CHAINS[kind];
}

/** Names of the chains that a bridge has or shares. */
export function chainNames(bridge: string): readonly string[] {
  return CHAIN_KINDS.map((kind) => CHAINS[kind].name(bridge));
}

/** Names of the sets that these chains fill. */
export const CHAIN_SETS: readonly string[] = CHAIN_KINDS.flatMap((kind) => Object.keys(CHAINS[kind].sets));

export type ChainState = 'missing' | 'right' | 'wrong-rules' | 'wrong-hook';

/** What a chain of a bridge is like, among `chains` by their names in nft, against what it should be. */
export function chainState(
  kind: ChainKind,
  chains: ReadonlyMap<string, NftChain>,
  subject: ChainSubject,
): ChainState {
  const definition = chainDefinition(kind);
  const chain = chains.get(definition.name(subject.bridge));
  if (chain === undefined) return 'missing';
  if (chain.base !== definition.hook.read) return 'wrong-hook';
  return hasRules(chain, definition.rules(subject) ?? []) ? 'right' : 'wrong-rules';
}

/** The same for the ARP chain, of which either form is right. */
export function arpChainState(chains: ReadonlyMap<string, NftChain>, bridge: string): ChainState {
  const state = (form: ArpForm) =>
    chainState('arp', chains, { bridge, form, policing: undefined, lacks: NOTHING });
  const ibrname = state('ibrname');
  return ibrname === 'wrong-rules' ? state('port-set') : ibrname;
}

function hasRules(chain: NftChain, rules: readonly string[]): boolean {
  return (
    chain.rules.length === rules.length &&
    rules.every((rule, index) => rule.endsWith(`comment "${chain.rules[index]?.comment}"`))
  );
}
