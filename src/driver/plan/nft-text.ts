import { TproxyError } from '../../errors.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { endpointMapName, NFT_TABLE } from '../../model/names.ts';
import { PORT_SET, TAP_MAP } from '../rules/arp-rules.ts';
import { type ChainKind, chainDefinition } from '../rules/chains.ts';
import type { StepOf, StepOfHand } from './steps.ts';

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
    case 'put-chain':
      return [...(step.found === 'wrong' ? noChain(step.chain, step.subject.bridge) : []), ...newChain(step)];
    case 'drop-chain':
      return noChain(step.chain, step.bridge);
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

function newChain({ chain, subject }: StepOf<'put-chain'>): string[] {
  const { name, hook, sets, rules } = chainDefinition(chain);
  const place = `bridge ${NFT_TABLE} ${name(subject.bridge)}`;
  return [
    ...addSets(sets),
    `add chain ${place} { ${hook.text} }`,
    ...(rules(subject) ?? []).map((rule) => `add rule ${place} ${rule}`),
  ];
}

/** Somebody may have taken its sets away, and there is no "delete if there". */
function noChain(chain: ChainKind, bridge: string): string[] {
  const { name, sets } = chainDefinition(chain);
  const place = `chain bridge ${NFT_TABLE} ${name(bridge)}`;
  return [
    ...[`flush ${place}`, `delete ${place}`, ...addSets(sets)],
    ...Object.keys(sets).map((set) => `delete set bridge ${NFT_TABLE} ${set}`),
  ];
}

function addSets(sets: Readonly<Record<string, string>>): string[] {
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
