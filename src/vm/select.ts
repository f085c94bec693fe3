import type { Nic } from '../model/nic.ts';
import type { SkippedNic, VmTemplate } from './template.ts';

export interface SelectedNics {
  readonly nics: readonly Nic[];
  readonly skipped: readonly SkippedNic[];
}

/**
 * The NICs that a hook call is about: the one that is being attached or detached, else all; none for an alias. With
 * `drivers`, only those whose VN_MAD is one of them, as each stock driver looks at its own NICs only.
 */
export function selectNics(
  template: VmTemplate,
  options: { readonly drivers?: readonly string[] } = {},
): SelectedNics {
  const { drivers } = options;
  if (template.aliasAttach) return { nics: [], skipped: [] };

  const concerned = ({ nicId, vnMad }: { readonly nicId: string; readonly vnMad?: string }): boolean =>
    (template.attachNicId === undefined || template.attachNicId === nicId) &&
    (drivers === undefined || (vnMad !== undefined && drivers.includes(vnMad)));
  return { nics: template.nics.filter(concerned), skipped: template.skipped.filter(concerned) };
}
