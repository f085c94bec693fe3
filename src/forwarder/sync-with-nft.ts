import type { BridgeReport } from '../control/report.ts';
import type { Logger } from '../log.ts';
import type { EndpointMaps } from '../model/endpoint.ts';
import { readEndpointMap, readEndpointMaps } from '../system/nft.ts';
import type { Run } from '../system/run.ts';
import type { ServedBridges } from './bridges/served-bridges.ts';

/** What became of the bridges, and how many are served by now. */
export interface Synced {
  readonly bridges: readonly BridgeReport[];
  readonly served: number;
}

/** Brings all bridges, or `only` one, to what the endpoint maps of nft say. Unreadable is not empty: it rejects, nothing is changed. */
export async function syncWithNft(
  bridges: ServedBridges,
  run: Run,
  log: Logger,
  only: string | undefined,
): Promise<Synced> {
  let wanted: EndpointMaps;
  try {
    wanted = await (only === undefined ? readEndpointMaps(run) : readEndpointMap(run, only));
  } catch (error) {
    log.error({ err: error }, 'endpoints unreadable, nothing changed');
    throw error;
  }
  // The last one: whoever asks will stop this process too, unless nft has endpoints that nobody told us of.
  if (only !== undefined && bridges.wouldBeNone(wanted, only)) return { bridges: [], served: 0 };
  const reports = await bridges.become(wanted, only);
  return { bridges: reports, served: bridges.all.length };
}
