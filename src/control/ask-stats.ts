import { TproxyError } from '../errors.ts';
import { type RelayList, STATS_VERSION, type Stats } from '../model/stats.ts';
import { askForwarder, type ControlRequest } from './ask.ts';

const ANSWER_MS = 5000;

/** What the running forwarder has counted; undefined when none runs. Rejects when it is of another version or hangs. */
export function askStats({ byGuest = false } = {}): Promise<Stats | undefined> {
  return ask<Stats>({ op: 'stats', byGuest });
}

/** The living connections; otherwise as `askStats`. */
export function askRelays(): Promise<RelayList | undefined> {
  return ask<RelayList>({ op: 'relays' });
}

async function ask<T extends Stats | RelayList>(request: ControlRequest): Promise<T | undefined> {
  const answer = await askForwarder<Partial<T>>(request, ANSWER_MS);
  if (answer === undefined || answer.stats === STATS_VERSION) return answer as T | undefined;
  throw new TproxyError(
    'the running forwarder is of another version; put this one in its place: tproxy restart',
    { code: 'OTHER_VERSION' },
  );
}
