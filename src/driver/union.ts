import { formatOptions } from '../model/endpoint-options.ts';
import { type NetworkRef, type Service, selectServices } from '../model/service.ts';
import { type Attachment, byAge } from './attachments/attachment.ts';

export interface Conflict {
  /** The service that nobody gets on this bridge, and the network that wanted it. */
  readonly service: Service;
  readonly network: NetworkRef;
  readonly winner: { readonly service: Service; readonly network: NetworkRef };
}

export interface Union {
  readonly services: readonly Service[];
  readonly conflicts: readonly Conflict[];
}

/**
 * The services of a bridge: what each of its attached networks gets. A map has one upstream per service port, so where
 * two networks disagree the earliest attachment has it: what runs goes on.
 */
export function unionOf(attachments: readonly Attachment[], services: readonly Service[]): Union {
  const chosen = new Map<number, { service: Service; network: NetworkRef }>();
  const conflicts: Conflict[] = [];
  const seen = new Set<string>();
  for (const { network } of [...attachments].sort(byAge)) {
    const key = JSON.stringify([network.id, network.name]);
    if (seen.has(key)) continue;
    seen.add(key);
    for (const service of selectServices(services, network).services) {
      const winner = chosen.get(service.servicePort);
      if (winner === undefined) chosen.set(service.servicePort, { service, network });
      else if (!sameOffer(winner.service, service)) conflicts.push({ service, network, winner });
    }
  }
  return { services: [...chosen.values()].map(({ service }) => service), conflicts };
}

function sameOffer(a: Service, b: Service): boolean {
  return (
    a.remoteAddr === b.remoteAddr &&
    a.remotePort === b.remotePort &&
    formatOptions(a.options ?? {}) === formatOptions(b.options ?? {})
  );
}
