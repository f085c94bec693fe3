import type { NftFacts } from '../facts/facts.ts';
import { REDIRECT_CHAIN } from '../rules/arp-rules.ts';
import { NOTHING } from '../rules/chains.ts';
import { planChain } from './plan-chain.ts';
import type { Step, TapMac } from './steps.ts';

/** Taps whose guests' frames go to the nearest proxy. */
export interface Taps {
  /** Of this bridge. */
  readonly here: readonly string[];
  /** Of all other bridges. A tap that is in neither has gone without a word, and its element goes as well. */
  readonly elsewhere: ReadonlySet<string>;
}

/** Map and chain are there as long as there is a tap in the map. */
export function planRedirect(
  bridge: string,
  { chains, taps: present }: Pick<NftFacts, 'chains' | 'taps'>,
  taps: Taps,
  mac: string,
): Step[] {
  const wanted = new Set(taps.here);
  const remove: TapMac[] = [...(present ?? [])]
    .map(([tap, old]) => ({ tap, mac: old }))
    .filter(({ tap, mac: old }) => (wanted.has(tap) ? old !== mac : !taps.elsewhere.has(tap)));
  const add = taps.here.filter((tap) => present?.get(tap) !== mac).map((tap) => ({ tap, mac }));
  const left = (present?.size ?? 0) - remove.length + add.length;

  const steps: Step[] = [];
  const change: Step[] = remove.length + add.length > 0 ? [{ do: 'change-taps', remove, add }] : [];
  if (left === 0) {
    if (chains.has(REDIRECT_CHAIN)) steps.push({ do: 'drop-chain', chain: 'redirect', bridge });
    steps.push(...change);
    if (present !== undefined) steps.push({ do: 'delete-tap-map' });
    return steps;
  }
  if (present === undefined) steps.push({ do: 'create-tap-map' });
  steps.push(...change);
  steps.push(
    ...planChain('redirect', { chains }, { bridge, form: 'port-set', policing: undefined, lacks: NOTHING }),
  );
  return steps;
}
