import { askRelays, askStats } from '../../control/ask-stats.ts';
import type { Look, View } from './rows.ts';

/** Asks the forwarder for what a view needs; undefined: none runs. Rejects when it does not answer. */
export async function takeLook(view: View): Promise<Look | undefined> {
  const stats = await askStats({ byGuest: view === 'guest' });
  const list = view === 'connection' ? await askRelays() : undefined;
  if (stats === undefined) return undefined;
  return { at: performance.now(), stats, ...(list === undefined ? {} : { relays: list.relays }) };
}
