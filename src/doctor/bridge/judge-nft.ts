import type { Facts } from '../../driver/facts/facts.ts';
import { type ArpForm, REDIRECT_CHAIN } from '../../driver/rules/arp-rules.ts';
import {
  arpChainState,
  type ChainKind,
  type ChainState,
  chainState,
  NOTHING,
} from '../../driver/rules/chains.ts';
import { POLICE_CHAIN, policeRules, policingWords } from '../../driver/rules/police-rules.ts';
import type { Policing } from '../../model/limits.ts';
import { bridgePort, SERVICE_ADDRESS } from '../../model/names.ts';
import type { NftChain } from '../../system/nft-chains.ts';
import { counted } from '../../words.ts';
import { type Finding, failed, ok, warning } from '../check.ts';
import { APPLY } from '../remedies.ts';

/** The chain that keeps what is for the service address on this host. */
export function judgeArp(facts: Pick<Facts, 'bridge' | 'nft'>, chain: NftChain | undefined): Finding {
  const { bridge, nft } = facts;
  switch (arpChainState(nft.chains, bridge)) {
    case 'missing':
      return failed(`there is no chain ch_${bridge}: other hypervisors answer its guests, too`, APPLY);
    case 'wrong-hook':
      return failed(`chain ch_${bridge} is not on the forward hook, or does not accept the rest`, APPLY);
    case 'wrong-rules':
      if (chain?.rules.some(({ comment, ibrname }) => ibrname && comment === undefined)) {
        return ok('in force, in the form of the stock drivers (meta ibrname)');
      }
      return failed(`the rules of chain ch_${bridge} are not those that it should have`, APPLY);
    case 'right':
      break;
  }
  const form: ArpForm = chain?.rules.some(({ ibrname }) => ibrname) ? 'ibrname' : 'port-set';
  if (form === 'ibrname') return ok('in force, form: meta ibrname');
  if (!nft.portSet.listed) {
    return failed(
      `${bridgePort(bridge)} is not in the set of veth ports, so nothing for ${SERVICE_ADDRESS} gets to it`,
      APPLY,
    );
  }
  return ok('in force, form: set of veth ports (this kernel has no meta ibrname)');
}

/** The chain that keeps the service address ours on every bridge. */
export function judgeGuard(facts: Pick<Facts, 'bridge' | 'nft'>, lacks = NOTHING): Finding {
  const found = stateOf('guard', facts, { lacks });
  if (found === 'right') return ok(`nobody else can claim ${SERVICE_ADDRESS}`);
  const state = found === 'missing' ? 'missing' : 'not what it should be';
  return warning(`chain guard is ${state}: a guest can claim ${SERVICE_ADDRESS}`, APPLY);
}

/** The chain that limits what ports may send, against the configuration (undefined: it does not tell). */
export function judgePolice(facts: Pick<Facts, 'bridge' | 'nft'>, policing: Policing | undefined): Finding {
  const { nft } = facts;
  const chain = nft.chains.get(POLICE_CHAIN);
  if (policing === undefined)
    return ok(chain === undefined ? 'none' : 'as it was configured once; the configuration does not tell');
  const form = nft.form ?? 'port-set';
  if (policeRules(form, policing).length === 0) {
    return chain === undefined
      ? ok('none is configured')
      : warning('chain police is there, and no limit is configured', APPLY);
  }
  const wanted = policingWords(policing);
  if (stateOf('police', facts, { policing }) !== 'right') {
    return warning(
      `a port may send more than ${wanted}: chain police ${chain === undefined ? 'is missing' : 'is not what it should be'}`,
      APPLY,
    );
  }
  const dropped = chain?.rules.reduce((sum, { packets = 0 }) => sum + packets, 0) ?? 0;
  return ok(`${wanted}; ${counted(dropped, 'packet')} dropped on all bridges so far`);
}

/** The map that brings frames with another hypervisor's MAC to this one, against the guests that should be in it. */
export function judgeRedirect(
  facts: Pick<Facts, 'bridge' | 'nft' | 'netns'>,
  taps: readonly string[],
): Finding {
  const listed = facts.nft.taps ?? new Map<string, string>();
  const chain = stateOf('redirect', facts);
  if (taps.length === 0) return ok('no recorded VM needs it');
  if (chain !== 'right')
    return failed(
      `chain ${REDIRECT_CHAIN} is ${chain === 'missing' ? 'missing' : 'not what it should be'}`,
      APPLY,
    );
  const missing = taps.filter((tap) => !listed.has(tap));
  if (missing.length > 0) return failed(`not in the map of taps: ${missing.join(', ')}`, APPLY);
  const mac = facts.netns.is === 'present' ? facts.netns.inside.device?.mac : undefined;
  const wrong = taps.filter((tap) => mac !== undefined && listed.get(tap) !== mac);
  if (wrong.length > 0) return failed(`sent to another MAC than ${mac}: ${wrong.join(', ')}`, APPLY);
  return ok(`${counted(taps.length, 'tap')} → ${mac ?? 'unknown MAC'}`);
}

function stateOf(
  kind: ChainKind,
  { bridge, nft }: Pick<Facts, 'bridge' | 'nft'>,
  of: { readonly policing?: Policing; readonly lacks?: ReadonlySet<string> } = {},
): ChainState {
  const { policing, lacks = NOTHING } = of;
  return chainState(kind, nft.chains, { bridge, form: nft.form ?? 'port-set', policing, lacks });
}
