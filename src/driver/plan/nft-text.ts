import { TproxyError } from '../../errors.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { arpChainName, endpointMapName, NFT_TABLE } from '../../model/names.ts';
import {
  ARP_HOOK,
  type ArpForm,
  arpRules,
  PORT_SET,
  REDIRECT_CHAIN,
  REDIRECT_HOOK,
  redirectRules,
  TAP_MAP,
} from '../rules/arp-rules.ts';
import { GUARD_CHAIN, GUARD_HOOK, GUARD_SETS, guardRules } from '../rules/guard-rules.ts';
import { POLICE_CHAIN, POLICE_HOOK, POLICE_SETS, policeRules } from '../rules/police-rules.ts';
import type { StepOfHand } from './steps.ts';

/** One transaction for `nft -f -`. */
export function nftText(steps: readonly StepOfHand<'nft'>[]): string {
  return steps
    .flatMap(nftLines)
    .map((line) => `${line}\n`)
    .join('');
}

function nftLines(step: StepOfHand<'nft'>): string[] {
  switch (step.do) {
    case 'create-table':
      return [`add table ${step.family} ${NFT_TABLE}`];
    case 'delete-table':
      return [`delete table ${step.family} ${NFT_TABLE}`];
    case 'create-port-set':
      return [`add set bridge ${NFT_TABLE} ${PORT_SET} { type ifname; }`];
    case 'delete-port-set':
      return [`delete set bridge ${NFT_TABLE} ${PORT_SET}`];
    case 'list-port':
      return [`add element bridge ${NFT_TABLE} ${PORT_SET} ${namesOf(step)}`];
    case 'unlist-port':
      return [`delete element bridge ${NFT_TABLE} ${PORT_SET} ${namesOf(step)}`];
    case 'create-chain':
      return [`add chain bridge ${NFT_TABLE} ${arpChainName(step.bridge)} { ${ARP_HOOK} }`, ...rules(step)];
    case 'rewrite-chain':
      return [`flush chain bridge ${NFT_TABLE} ${arpChainName(step.bridge)}`, ...rules(step)];
    case 'delete-chain':
      return [
        `flush chain bridge ${NFT_TABLE} ${arpChainName(step.bridge)}`,
        `delete chain bridge ${NFT_TABLE} ${arpChainName(step.bridge)}`,
      ];
    case 'create-guard':
      return newChain(GUARD, guardRules(step.form));
    case 'rewrite-guard':
      return [...noChain(GUARD), ...newChain(GUARD, guardRules(step.form))];
    case 'delete-guard':
      return noChain(GUARD);
    case 'create-police':
      return newChain(POLICE, policeRules(step.form, step.policing));
    case 'rewrite-police':
      return [...noChain(POLICE), ...newChain(POLICE, policeRules(step.form, step.policing))];
    case 'delete-police':
      return noChain(POLICE);
    case 'create-redirect':
      return [
        `add chain bridge ${NFT_TABLE} ${REDIRECT_CHAIN} { ${REDIRECT_HOOK} }`,
        ...redirectRules().map((rule) => `add rule bridge ${NFT_TABLE} ${REDIRECT_CHAIN} ${rule}`),
      ];
    case 'delete-redirect':
      return [
        `flush chain bridge ${NFT_TABLE} ${REDIRECT_CHAIN}`,
        `delete chain bridge ${NFT_TABLE} ${REDIRECT_CHAIN}`,
      ];
    case 'create-tap-map':
      return [`add map bridge ${NFT_TABLE} ${TAP_MAP} { type ifname : ether_addr; }`];
    case 'delete-tap-map':
      return [`delete map bridge ${NFT_TABLE} ${TAP_MAP}`];
    case 'change-taps':
      return [
        ...elements(
          'delete',
          TAPS,
          step.remove.map(({ tap }) => `"${tap}"`),
        ),
        ...elements(
          'add',
          TAPS,
          step.add.map(({ tap, mac }) => `"${tap}" : ${mac}`),
        ),
      ];
    case 'create-map':
      return [
        `add map ip ${NFT_TABLE} ${endpointMapName(step.bridge)} { type inet_service : ipv4_addr . inet_service; }`,
      ];
    case 'delete-map':
      return [`delete map ip ${NFT_TABLE} ${endpointMapName(step.bridge)}`];
    case 'change-endpoints':
      return [
        ...elements(
          'delete',
          endpointsOf(step.bridge),
          step.remove.map(({ servicePort }) => `${servicePort}`),
        ),
        ...elements('add', endpointsOf(step.bridge), step.add.map(elementOf)),
      ];
  }
}

function rules(step: { readonly bridge: string; readonly form: ArpForm }): string[] {
  const chain = arpChainName(step.bridge);
  return arpRules(step.bridge, step.form).map((rule) => `add rule bridge ${NFT_TABLE} ${chain} ${rule}`);
}

/** A chain for all bridges, with sets that it fills itself. */
interface SharedChain {
  readonly name: string;
  readonly hook: string;
  readonly sets: Readonly<Record<string, string>>;
}

const GUARD: SharedChain = { name: GUARD_CHAIN, hook: GUARD_HOOK, sets: GUARD_SETS };
const POLICE: SharedChain = { name: POLICE_CHAIN, hook: POLICE_HOOK, sets: POLICE_SETS };

function newChain(chain: SharedChain, rules: readonly string[]): string[] {
  return [
    ...addSets(chain),
    `add chain bridge ${NFT_TABLE} ${chain.name} { ${chain.hook} }`,
    ...rules.map((rule) => `add rule bridge ${NFT_TABLE} ${chain.name} ${rule}`),
  ];
}

/** Somebody may have taken its sets away, and there is no "delete if there". */
function noChain(chain: SharedChain): string[] {
  const name = `chain bridge ${NFT_TABLE} ${chain.name}`;
  const sets = Object.keys(chain.sets);
  return [
    ...[`flush ${name}`, `delete ${name}`, ...addSets(chain)],
    ...sets.map((set) => `delete set bridge ${NFT_TABLE} ${set}`),
  ];
}

function addSets({ sets }: SharedChain): string[] {
  return Object.entries(sets).map(
    ([set, definition]) => `add set bridge ${NFT_TABLE} ${set} { ${definition} }`,
  );
}

function namesOf({ names }: { readonly names: readonly string[] }): string {
  return `{ ${names.map((name) => `"${name}"`).join(', ')} }`;
}

const TAPS = `bridge ${NFT_TABLE} ${TAP_MAP}`;

function endpointsOf(bridge: string): string {
  return `ip ${NFT_TABLE} ${endpointMapName(bridge)}`;
}

function elements(verb: 'add' | 'delete', map: string, list: readonly string[]): string[] {
  return list.length === 0 ? [] : [`${verb} element ${map} { ${list.join(', ')} }`];
}

/** nft takes up to 128 bytes and has no way to escape a quote. */
const COMMENT = /^[\x20\x21\x23-\x7e]{1,127}$/;

function elementOf({ servicePort, upstream, comment }: Endpoint): string {
  if (comment !== undefined && !COMMENT.test(comment)) {
    throw new TproxyError(`service port ${servicePort}: options can't be stored in nft: ${comment}`);
  }
  const key = comment === undefined ? `${servicePort}` : `${servicePort} comment "${comment}"`;
  return `${key} : ${upstream.address} . ${upstream.port}`;
}
