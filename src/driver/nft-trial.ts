import { bridgePort, netnsDevice } from '../model/names.ts';
import { nftText } from './plan/nft-text.ts';
import type { StepOfHand } from './plan/steps.ts';
import type { ArpForm } from './rules/arp-rules.ts';
import type { ChainKind } from './rules/chains.ts';
import { guardPieces, listedNames } from './rules/guard-rules.ts';
import { netnsRuleset } from './rules/netns-rules.ts';
import { POLICE_CHAIN } from './rules/police-rules.ts';

/** Names of the pieces that a bridge can do without; what is not among them is essential. */
export const PIECES: readonly string[] = [...Object.keys(guardPieces('port-set')), POLICE_CHAIN];

/** No device of this name has to exist. */
const BRIDGE = 'trial0';

/** All that is ever written with nft, on the host and in a netns, with these pieces of it. */
export function trialText(form: ArpForm, pieces: ReadonlySet<string>): string {
  const lacks = new Set(PIECES.filter((piece) => !pieces.has(piece)));
  const policing = { portRate: 1, portBandwidth: 1 };
  const put = (chain: ChainKind): StepOfHand<'nft'> => ({
    do: 'put-chain',
    chain,
    subject: { bridge: BRIDGE, form, policing, lacks },
    found: 'missing',
  });
  const upstream = { address: '192.0.2.1', port: 5030 };
  const host = nftText([
    { do: 'create-table', family: 'bridge' },
    { do: 'create-port-set' },
    { do: 'list-port', names: listedNames(BRIDGE, form) },
    put('arp'),
    put('guard'),
    ...(pieces.has(POLICE_CHAIN) ? [put('police')] : []),
    { do: 'create-tap-map' },
    { do: 'change-taps', remove: [], add: [{ tap: bridgePort(BRIDGE), mac: '02:00:00:00:00:01' }] },
    put('redirect'),
    { do: 'create-table', family: 'ip' },
    { do: 'create-map', bridge: BRIDGE },
    {
      do: 'change-endpoints',
      bridge: BRIDGE,
      remove: [],
      add: [
        { servicePort: 5030, upstream },
        { servicePort: 5031, upstream, comment: 'proxy=v2' },
      ],
    },
  ]);
  return host + netnsRuleset(netnsDevice(BRIDGE));
}
