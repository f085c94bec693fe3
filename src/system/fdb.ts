import { explainIpFailure } from './ip.ts';
import { classifyIpFailure } from './ip-errors.ts';
import { asArray, asInteger, asObject, asString, parseJson } from './json.ts';
import type { Run } from './run.ts';

/** A MAC that a bridge finds behind one port, whatever it hears elsewhere. */
export interface Pin {
  readonly mac: string;
  /** The VLAN in which it does; undefined: where VLANs are not told apart. */
  readonly vlan: number | undefined;
}

/** MACs that are pinned to a port of a bridge in the caller's network namespace; none when there is no such port. */
export async function readPinned(run: Run, port: string): Promise<readonly Pin[]> {
  const args = ['-j', 'fdb', 'show', 'brport', port];
  try {
    const source = `bridge ${args.join(' ')}`;
    const { stdout } = await run('bridge', args);
    if (stdout.trim() === '') return [];
    return asArray(parseJson(stdout, source), source, 'the answer').flatMap((value) => {
      const entry = asObject(value, source, 'an entry');
      const flags = asArray(entry.flags ?? [], source, 'the flags of an entry');
      if (entry.state !== 'static' || !flags.includes('sticky')) return [];
      const vlan =
        entry.vlan === undefined ? undefined : asInteger(entry.vlan, source, 'the VLAN of an entry');
      return [{ mac: asString(entry.mac, source, 'the MAC of an entry'), vlan }];
    });
  } catch (error) {
    if (classifyIpFailure(error) === 'missing-object') return [];
    throw explainIpFailure(error);
  }
}
