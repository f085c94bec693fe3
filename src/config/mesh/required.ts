import { truth } from '../reader/scalars.ts';
import { withDefault } from '../reader/schema.ts';
import { value } from '../reader/value.ts';

/** May a fault of ours keep a VM from starting? */
export const requiredKey = withDefault('tproxy_required', value(truth), false, {
  meaning:
    'a VM whose services fail does not start ([what may fail](opennebula.md#what-may-keep-a-vm-from-starting))',
});

/** What the text says where it is no YAML as a whole: whoever wants no VM without services means that above all then. */
export function requiredIn(text: string): boolean {
  return /^\s*:?tproxy_required:\s*true\b/m.test(text);
}
