import { askForwarder } from '../../control/ask.ts';
import type { Look, View } from './rows.ts';

/** Asks the forwarder for what a view needs; undefined: none runs. Rejects when it does not answer. */
export async function takeLook(view: View): Promise<Look | undefined> {
  const stats = await askForwarder('stats', { byGuest: view === 'guest' });
  const list = view === 'connection' ? await askForwarder('relays', {}) : undefined;
  if (stats === undefined) return undefined;
  return { at: performance.now(), stats, ...(list === undefined ? {} : { relays: list.relays }) };
}
