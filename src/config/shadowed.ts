import type { Entry } from './entry.ts';
import type { Problem } from './problem.ts';

/** Who has a service port, as far as the entries above the present one go. */
interface Taken {
  everywhere: Entry | undefined;
  first: Entry;
  readonly byNetwork: Map<string, Entry>;
}

/**
 * Warnings for entries whose service port an earlier entry has in the same network. Names and ids are compared as
 * they are written: that "7" and "lan" are one network is known only when a NIC comes.
 */
export function findShadowed(entries: readonly Entry[]): readonly Problem[] {
  const ports = new Map<number, Taken>();
  return entries.flatMap((entry) => {
    const { servicePort, networks } = entry.service;
    const taken = ports.get(servicePort);
    const warning = taken === undefined ? undefined : clash(entry, taken);
    const known = taken ?? { everywhere: undefined, first: entry, byNetwork: new Map<string, Entry>() };
    if (networks.length === 0) known.everywhere ??= entry;
    for (const network of networks) if (!known.byNetwork.has(network)) known.byNetwork.set(network, entry);
    ports.set(servicePort, known);
    return warning === undefined ? [] : [warning];
  });
}

function clash(entry: Entry, taken: Taken): Problem | undefined {
  const { networks, servicePort } = entry.service;
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

  function warn({ number, portAt }: Entry, winner: Entry, effect: string): Problem {
    const message = `entry ${number} ${effect}: entry ${winner.number} in line ${winner.service.line} has service port ${servicePort} there and comes first`;
    const remedy = 'if that is not meant, change :service_port: or :networks: of one of them';
    return { severity: 'warning', ...portAt, key: 'service_port', message, remedy };
  }
}
