import { readFileSync } from 'node:fs';
import { isCode } from '../../errors.ts';
import { readLegacyChains } from '../../system/iptables.ts';
import { readForeignChains } from '../../system/nft-ruleset.ts';
import type { Run } from '../../system/run.ts';
import type { Filters } from './judge-passage.ts';

/** Of br_netfilter, in this process's network namespace. */
const CALL_IPTABLES = '/proc/sys/net/bridge/bridge-nf-call-iptables';

/** True when br_netfilter gives IPv4 frames of every bridge to iptables. */
export function callsIptables(): boolean {
  try {
    return readFileSync(CALL_IPTABLES, 'utf8').trim() !== '0';
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Chains of others on the way over a bridge; those for IPv4 only where frames get to them. */
export async function readFilters(run: Run, throughIptables: boolean): Promise<Filters> {
  const [bridge, ...ip] = await Promise.all([
    readForeignChains(run, 'bridge'),
    ...(throughIptables
      ? [readForeignChains(run, 'ip'), readForeignChains(run, 'inet'), readLegacyChains(run)]
      : []),
  ]);
  return { bridge, ip: throughIptables ? ip.flat() : undefined };
}
