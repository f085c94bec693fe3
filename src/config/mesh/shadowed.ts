import type { Item } from '../reader/list.ts';
import type { Problem } from '../reader/problem.ts';
import type { Entry } from './service.ts';

type Numbered = Item<Entry>;

/** Who has a service port, as far as the entries above the present one go. */
interface Taken {
  everywhere: Numbered | undefined;
  first: Numbered;
  readonly byNetwork: Map<string, Numbered>;
}

/**
 * Warnings for entries whose service port an earlier entry has in the same network. Names and ids are compared as
 * they are written: that "7" and "lan" are one network is known only when a NIC comes.
 */
export function findShadowed(entries: readonly Numbered[]): readonly Problem[] {
  const ports = new Map<number, Taken>();
  return entries.flatMap((entry) => {
    const { servicePort, networks } = entry.value.service;
    const taken = ports.get(servicePort);
    const warning = taken === undefined ? undefined : clash(entry, taken);
    const known = taken ?? { everywhere: undefined, first: entry, byNetwork: new Map<string, Numbered>() };
    if (networks.length === 0) known.everywhere ??= entry;
    for (const network of networks) if (!known.byNetwork.has(network)) known.byNetwork.set(network, entry);
    ports.set(servicePort, known);
    return warning === undefined ? [] : [warning];
  });
}

function clash(entry: Numbered, taken: Taken): Problem | undefined {
  const { networks, servicePort } = entry.value.service;
  if (taken.everywhere !== undefined) return warn(entry, taken.everywhere, 'is never used');
  // For every network, below entries for some: a default below its exceptions.
  if (networks.length === 0)
    return warn(entry, taken.first, `is not used in the networks of entry ${taken.first.number}`);
  const lost = networks.filter((network) => taken.byNetwork.has(network));
  const by = taken.byNetwork.get(lost[0] ?? '');
  if (by === undefined) return undefined;
  return warn(
    entry,
    by,
    lost.length === networks.length ? 'is never used' : `is not used in ${lost.join(', ')}`,
  );

  function warn({ number, value }: Numbered, winner: Numbered, effect: string): Problem {
    const message = `entry ${number} ${effect}: entry ${winner.number} in line ${winner.value.service.line} has service port ${servicePort} there and comes first`;
    const remedy = 'if that is not meant, change :service_port: or :networks: of one of them';
    return { severity: 'warning', ...value.portAt, key: 'service_port', message, remedy };
  }
}
