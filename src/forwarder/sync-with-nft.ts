import type { SyncReport } from '../control/ask.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { EndpointMaps } from '../model/endpoint.ts';
import { readEndpointMap, readEndpointMaps } from '../system/nft.ts';
import type { Run } from '../system/run.ts';
import type { ServedBridges } from './bridges/served-bridges.ts';

/** Brings all bridges, or `only` one, to what the endpoint maps of nft say. Unreadable is not empty: nothing is changed then. */
export async function syncWithNft(
  bridges: ServedBridges,
  run: Run,
  log: Logger,
  only: string | undefined,
): Promise<SyncReport> {
  let wanted: EndpointMaps;
  try {
    wanted = await (only === undefined ? readEndpointMaps(run) : readEndpointMap(run, only));
  } catch (error) {
    log.error({ err: error }, 'endpoints unreadable, nothing changed');
    return { ok: false, error: messageOf(error), bridges: [] };
  }
  // The last one: whoever asks will stop this process too, unless nft has endpoints that nobody told us of.
  if (only !== undefined && bridges.wouldBeNone(wanted, only)) return { ok: true, bridges: [], served: 0 };
  const reports = await bridges.become(wanted, only);
  const ok = reports.every(({ error }) => error === undefined);
  return { ok, bridges: reports, served: bridges.all.length };
}
