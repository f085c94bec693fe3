import { isDeepStrictEqual } from 'node:util';
import type { BridgeReport, ControlRequest, SyncReport } from '../control/ask.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Settings } from '../model/settings.ts';
import type { RelayList, Stats } from '../model/stats.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { Observation } from './books/observation.ts';

/** A successor gives up waiting a little later, and kills this process with all its relays; it brings back itself what is missing. */
const HEAL_MS = 5000;

/** What is asked for on the control socket, as far as the forwarder does it. */
export interface Asked {
  /** Of the last sync. */
  readonly settings: Settings;
  sync(settings: Settings, bridge: string | undefined): Promise<SyncReport>;
  /** The bridge is served with just these endpoints. */
  serves(bridge: string, endpoints: readonly Endpoint[]): boolean;
  heal(): Promise<readonly BridgeReport[]>;
  yieldToSuccessor(): Promise<void>;
  readonly observation: Pick<Observation, 'countRelays' | 'stats' | 'relays'>;
}

/** The answer to a request from the control socket. */
export async function answer(request: ControlRequest, asked: Asked): Promise<SyncReport | Stats | RelayList> {
  switch (request.op) {
    case 'sync':
      return asked.sync(request.settings, request.bridge);
    case 'serves':
      return { ok: isServed(request, asked), bridges: [] };
    case 'prepare':
      return { ok: true, bridges: await withTimeLimit(asked.heal(), HEAL_MS, () => []) };
    case 'yield':
      await asked.yieldToSuccessor();
      return { ok: true, bridges: [] };
    case 'count':
      return asked.observation.countRelays();
    case 'stats':
      return asked.observation.stats(request.byGuest);
    case 'relays':
      return asked.observation.relays();
    default:
      return request satisfies never;
  }
}

/** True when a sync would do nothing, were it asked for one. */
function isServed(
  { bridge, endpoints, settings }: Extract<ControlRequest, { op: 'serves' }>,
  asked: Asked,
): boolean {
  return isDeepStrictEqual(settings, asked.settings) && asked.serves(bridge, endpoints);
}
