import type { NftChain } from '../../system/nft-chains.ts';
import { policeRules, policeState } from '../rules/police-rules.ts';
import type { Desired } from './desired.ts';
import type { Step } from './steps.ts';

/** What ports of bridges may send; without a known limit it stays as it is. */
export function planPolice(
  chain: NftChain | undefined,
  { arpForm: form, policing }: Pick<Desired, 'arpForm' | 'policing'>,
): Step[] {
  if (policing === undefined) return [];
  if (policeRules(form, policing).length === 0) return chain === undefined ? [] : [{ do: 'delete-police' }];
  switch (policeState(chain, form, policing)) {
    case 'right':
      return [];
    case 'missing':
      return [{ do: 'create-police', form, policing }];
    case 'wrong-rules':
      return [{ do: 'rewrite-police', form, policing }];
  }
}
