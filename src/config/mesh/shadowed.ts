import { isIPv4 } from 'node:net';
import type { Item } from '../reader/list.ts';
import type { Problem } from '../reader/problem.ts';
import type { Entry } from './service.ts';

type Numbered = Item<Entry>;

/** Who has a service port for sure, or at least first, as far as the entries above the present one go. */
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
    if (networks.length === 0) known.everywhere = surer(known.everywhere, entry);
    for (const network of networks) {
      known.byNetwork.set(network, surer(known.byNetwork.get(network), entry));
    }
    ports.set(servicePort, known);
    return warning === undefined ? [] : [warning];
  });
}

function clash(entry: Numbered, { everywhere, first, byNetwork }: Taken): Problem | undefined {
  const { networks } = entry.value.service;
  if (networks.length === 0) {
    // For every network, below entries for some: a default below its exceptions.
    return everywhere === undefined
      ? warn(entry, first, ` in the networks of entry ${first.number}`)
      : warn(entry, everywhere, '');
  }
  const lost = networks.flatMap((network) => {
    const of = byNetwork.get(network);
    const by = everywhere === undefined || of === undefined ? (everywhere ?? of) : surer(everywhere, of);
    return by === undefined ? [] : [{ network, by }];
  });
  const surely = lost.filter(({ by }) => isSure(by));
  const told = surely.length > 0 ? surely : lost;
  const where = told.length === networks.length ? '' : ` in ${told.map(({ network }) => network).join(', ')}`;
  return told[0] && warn(entry, told[0].by, where);
}

function warn({ number, value }: Numbered, winner: Numbered, where: string): Problem {
  const { line, servicePort, remoteAddr } = winner.value.service;
  const never = where === '' ? 'is never used' : `is not used${where}`;
  const effect = isSure(winner) ? never : `is used${where} only while there is no host ${remoteAddr}`;
  const message = `entry ${number} ${effect}: entry ${winner.number} in line ${line} has service port ${servicePort} there and comes first`;
  const remedy = 'if that is not meant, change :service_port: or :networks: of one of them';
  return { severity: 'warning', ...value.portAt, key: 'service_port', message, remedy };
}

/** A later entry stands in for one whose host does not exist. */
function isSure({ value }: Numbered): boolean {
  return isIPv4(value.service.remoteAddr);
}

function surer(earlier: Numbered | undefined, later: Numbered): Numbered {
  return earlier === undefined || (isSure(later) && !isSure(earlier)) ? later : earlier;
}
