import { readFile } from 'node:fs/promises';
import { isCode } from '../../errors.ts';
import { type Finding, ok, skipped, warning } from '../check.ts';

/** The kernel's own files; a namespace other than the machine's first has neither. */
const COUNTS = '/proc/net/stat/arp_cache';
const LIMIT = '/proc/sys/net/ipv4/neigh/default/gc_thresh3';

const NEARLY_FULL = 0.8;
/** What a kernel starts with. A larger one is somebody's answer to a table that was full. */
const DEFAULT_LIMIT = 1024;

/**
 * The table of IPv4 neighbours, of which the kernel has one for all namespaces: every guest that talks to its proxy has an entry
 * in it. Guests for whom there is no room are not answered.
 */
export async function examineNeighbours(): Promise<Finding> {
  try {
    const [counts, limit] = await Promise.all([readFile(COUNTS, 'utf8'), readFile(LIMIT, 'utf8')]);
    return judgeNeighbours(counts, Number(limit));
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
    return skipped('needs the network namespace that the machine started with');
  }
}

/** `counts`: a heading, then a line of hexadecimal numbers per processor; `entries` is the same in each, the rest are shares. */
export function judgeNeighbours(counts: string, limit: number): Finding {
  const [heading = '', ...lines] = counts.trim().split('\n');
  const names = heading.trim().split(/\s+/);
  const column = (name: string): number[] =>
    lines.map((line) => Number.parseInt(line.trim().split(/\s+/)[names.indexOf(name)] ?? '0', 16));
  const entries = column('entries')[0] ?? 0;
  const full = column('table_fulls').reduce((sum, times) => sum + times, 0);

  const seen = `${entries} of ${limit} entries`;
  const remedy = `make it larger: sysctl -w net.ipv4.neigh.default.gc_thresh3=${8 * limit}, and the same line in /etc/sysctl.d`;
  if (entries >= NEARLY_FULL * limit) return warning(seen, remedy);
  if (full > 0 && limit <= DEFAULT_LIMIT) {
    return warning(`${seen}, but it was full ${full} times since the machine started`, remedy);
  }
  return ok(seen);
}
