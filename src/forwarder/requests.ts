import { isDeepStrictEqual } from 'node:util';
import type { AnswerOf, RequestOf } from '../control/operations.ts';
import type { SyncReport } from '../control/report.ts';
import type { Handlers } from '../control/server.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Settings } from '../model/settings.ts';
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
  heal(): Promise<unknown>;
  yieldToSuccessor(): Promise<void>;
  readonly observation: Pick<Observation, 'countRelays' | 'stats' | 'relays'>;
}

/** Who answers each request from the control socket. */
export function handlersOf(asked: Asked): Handlers {
  return {
    sync: ({ settings, bridge }) => asked.sync(settings, bridge),
    serves: async (request) => isServed(request, asked),
    prepare: async () => {
      // Missing listeners are brought back as far as there is time.
      await withTimeLimit(asked.heal(), HEAL_MS, () => undefined);
      return {};
    },
    yield: async () => {
      await asked.yieldToSuccessor();
      return {};
    },
    count: () => asked.observation.countRelays(),
    stats: ({ byGuest }) => asked.observation.stats(byGuest),
    relays: () => asked.observation.relays(),
  };
}

/** True when a sync would do nothing, were it asked for one. */
function isServed({ bridge, endpoints, settings }: RequestOf<'serves'>, asked: Asked): AnswerOf<'serves'> {
  return { served: isDeepStrictEqual(settings, asked.settings) && asked.serves(bridge, endpoints) };
}
