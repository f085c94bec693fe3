import { listenerTitle, PREFIX } from '../model/names.ts';
import { type OwnProcess, ownProcesses } from './processes.ts';

/** Lines of `tproxy status`: the forwarder first. Empty when nothing runs. */
export function statusLines(found: readonly OwnProcess[] = ownProcesses()): string[] {
  return found
    .filter(({ role, astray }) => (role === 'forwarder' || role === 'listener') && !astray)
    .map(({ pid, bridge }) => `${bridge === undefined ? PREFIX : listenerTitle(bridge)}: ${pid}`);
}
