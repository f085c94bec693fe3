import { listenerTitle, PREFIX } from '../model/names.ts';
import { type OwnProcess, ownProcesses } from '../process/processes.ts';

/** What `start` would do to the processes when these bridges have endpoints, in words. Changes nothing. */
export function missingProcesses(
  served: readonly string[],
  found: readonly OwnProcess[] = ownProcesses(),
): readonly string[] {
  const listeners = found.filter(({ role, astray }) => role === 'listener' && !astray);
  const listening = new Set(listeners.map(({ bridge }) => bridge));
  const surplus = found.filter(({ role, bridge }) => role === 'listener' && !served.includes(bridge ?? ''));
  const lines = surplus.map(({ pid, bridge }) => `end ${listenerTitle(bridge ?? '')} (${pid})`);
  const forwarder = found.find(({ role }) => role === 'forwarder');
  if (served.length === 0)
    return forwarder === undefined ? lines : [...lines, `end ${PREFIX} (${forwarder.pid})`];
  const missing = served
    .filter((bridge) => !listening.has(bridge))
    .map((bridge) => `start ${listenerTitle(bridge)}`);
  return [...lines, ...(forwarder === undefined ? [`start ${PREFIX}`] : []), ...missing];
}
