import { explainIpFailure } from './ip.ts';
import { asArray, asInteger, asObject, asString, parseJson } from './json.ts';
import type { Run } from './run.ts';

/** A VLAN that a port of a bridge is a member of. */
export interface PortVlan {
  readonly id: number;
  /** Frames without a tag are of this VLAN, and leave without one: what a guest has that knows of no VLANs. */
  readonly untagged: boolean;
}

/** VLANs of every port of a bridge in the caller's network namespace that is in any. */
export async function readVlans(run: Run): Promise<ReadonlyMap<string, readonly PortVlan[]>> {
  const args = ['-j', 'vlan', 'show'];
  const source = `bridge ${args.join(' ')}`;
  const { stdout } = await explained(run('bridge', args));
  if (stdout.trim() === '') return new Map();
  return new Map(
    asArray(parseJson(stdout, source), source, 'the answer').map((value) => {
      const port = asObject(value, source, 'a port');
      const vlans = asArray(port.vlans ?? [], source, 'the VLANs of a port');
      return [asString(port.ifname, source, 'a port'), vlans.flatMap((vlan) => portVlans(vlan, source))];
    }),
  );
}

function portVlans(value: unknown, source: string): PortVlan[] {
  const entry = asObject(value, source, 'a VLAN');
  const flags = asArray(entry.flags ?? [], source, 'the flags of a VLAN');
  const untagged = flags.includes('PVID') && flags.includes('Egress Untagged');
  const first = asInteger(entry.vlan, source, 'the id of a VLAN');
  const last = entry.vlanEnd === undefined ? first : asInteger(entry.vlanEnd, source, 'the end of VLANs');
  return Array.from({ length: Math.max(0, last - first) + 1 }, (_, at) => ({ id: first + at, untagged }));
}

/** Runs commands of `bridge`, one per line, as one process. It stops at the first that fails. */
export async function applyBridge(run: Run, commands: readonly string[]): Promise<void> {
  const input = commands.map((command) => `${command}\n`).join('');
  await explained(run('bridge', ['-batch', '-'], { input }));
}

async function explained<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw explainIpFailure(error);
  }
}
