import { explainIpFailure } from './ip.ts';
import { classifyIpFailure } from './ip-errors.ts';
import { asArray, asObject, asString, parseJson } from './json.ts';
import type { Run } from './run.ts';

/** A MAC that a bridge finds behind one port, whatever it hears elsewhere. */
export interface PinnedMac {
  readonly port: string;
  readonly mac: string;
}

/** MACs that are pinned to a port of a bridge in the caller's network namespace; none when there is no such port. */
export async function readPinned(run: Run, port: string): Promise<readonly string[]> {
  const args = ['-j', 'fdb', 'show', 'brport', port];
  try {
    const source = `bridge ${args.join(' ')}`;
    const { stdout } = await run('bridge', args);
    if (stdout.trim() === '') return [];
    return asArray(parseJson(stdout, source), source, 'the answer').flatMap((value) => {
      const entry = asObject(value, source, 'an entry');
      const flags = asArray(entry.flags ?? [], source, 'the flags of an entry');
      const pinned = entry.state === 'static' && entry.vlan === undefined && flags.includes('sticky');
      return pinned ? [asString(entry.mac, source, 'the MAC of an entry')] : [];
    });
  } catch (error) {
    if (classifyIpFailure(error) === 'missing-object') return [];
    throw explainIpFailure(error);
  }
}

/** Pins MACs. `sticky`, because a bridge moves a static entry as well when it hears the MAC on another port. */
export async function pinMacs(run: Run, macs: readonly PinnedMac[]): Promise<void> {
  const input = macs.map(({ mac, port }) => `fdb replace ${mac} dev ${port} master static sticky\n`).join('');
  try {
    await run('bridge', ['-batch', '-'], { input });
  } catch (error) {
    throw explainIpFailure(error);
  }
}
