import type { Endpoint } from '../../model/endpoint.ts';
import { NFT_TABLE, SERVICE_ADDRESS } from '../../model/names.ts';
import { chainDefinition } from '../rules/chains.ts';
import type { Step } from './steps.ts';

/** A step for people, as an order: `put br0b into bridge br0`. */
export function words(step: Step): string {
  switch (step.do) {
    case 'create-netns':
      return `create netns ${step.netns}`;
    case 'delete-netns':
      return `delete netns ${step.netns}`;
    case 'create-veth':
      return `create veth ${step.port} with ${step.device} in netns ${step.netns}`;
    case 'delete-veth':
      return `delete veth ${step.port}`;
    case 'set-port-master':
      return `put ${step.port} into bridge ${step.bridge}`;
    case 'set-port-mtu':
      return `set the MTU of ${step.port} to ${step.mtu}`;
    case 'set-port-mac':
      return `set the MAC of ${step.port} to ${step.mac}`;
    case 'set-port-up':
      return `set ${step.port} up`;
    case 'delete-device':
      return `delete ${step.device} in netns ${step.netns}`;
    case 'set-lo-up':
      return `set lo up in netns ${step.netns}`;
    case 'set-device-mtu':
      return `set the MTU of ${step.device} to ${step.mtu}`;
    case 'set-device-up':
      return `set ${step.device} up`;
    case 'add-address':
      return `add ${SERVICE_ADDRESS}/32 to ${step.device}`;
    case 'add-route':
      return `add the default route to ${step.device}`;
    case 'write-sysctls':
      return `set ${step.sysctls.size} sysctls in netns ${step.netns}`;
    case 'write-ruleset':
      return `write the nft ruleset of netns ${step.netns}`;
    case 'set-port-vlan':
      return `put ${step.port} into VLAN ${step.vlan}${step.leave.length === 0 ? '' : ` alone`}`;
    case 'pin-mac':
      return `pin ${step.mac} to ${step.port}`;
    case 'create-table':
      return `create nft table ${step.family} ${NFT_TABLE}`;
    case 'delete-table':
      return `delete nft table ${step.family} ${NFT_TABLE}`;
    case 'create-port-set':
      return 'create the nft set of veth ports';
    case 'delete-port-set':
      return 'delete the nft set of veth ports';
    case 'list-port':
      return `add ${step.names.join(', ')} to the nft set of veth ports`;
    case 'unlist-port':
      return `take ${step.names.join(', ')} out of the nft set of veth ports`;
    case 'put-chain':
      return chainDefinition(step.chain).words(step.found === 'missing' ? 'create' : 'rewrite', step.subject);
    case 'drop-chain':
      return chainDefinition(step.chain).words('delete', { bridge: step.bridge, policing: undefined });
    case 'create-tap-map':
      return 'create the nft map of taps';
    case 'delete-tap-map':
      return 'delete the nft map of taps';
    case 'change-taps':
      return `change the nft map of taps: ${[...step.remove.map(({ tap }) => `-${tap}`), ...step.add.map(({ tap }) => `+${tap}`)].join(', ')}`;
    case 'create-map':
      return `create the endpoint map of ${step.bridge}`;
    case 'delete-map':
      return `delete the endpoint map of ${step.bridge}`;
    case 'change-endpoints':
      return `change endpoints of ${step.bridge}: ${endpointChange(step.remove, step.add)}`;
  }
}

function endpointChange(remove: readonly Endpoint[], add: readonly Endpoint[]): string {
  return [
    ...remove.map(({ servicePort }) => `-${servicePort}`),
    ...add.map(({ servicePort, upstream }) => `+${servicePort} to ${upstream.address}:${upstream.port}`),
  ].join(', ');
}
