import { askForwarder } from '../control/ask.ts';
import type { RelayCount } from '../control/operations.ts';
import { listenerTitle, PREFIX } from '../model/names.ts';
import { connectionsLeft } from '../process/draining.ts';
import { type Predecessor, predecessors } from '../process/predecessors.ts';
import { type OwnProcess, ownProcesses } from '../process/processes.ts';
import { DRAINING_TITLE, WATCH_TITLE } from '../process/roles.ts';
import { counted } from '../words.ts';

/** Lines of `tproxy status`: the forwarder first. Empty when nothing runs. */
export function statusLines(
  found: readonly OwnProcess[] = ownProcesses(),
  ruby: readonly Predecessor[] = predecessors(),
): string[] {
  const own = found
    .filter(({ role, astray }) => (role === 'forwarder' || role === 'listener') && !astray)
    .map(({ pid, bridge }) => `${bridge === undefined ? PREFIX : listenerTitle(bridge)}: ${pid}`);
  return [...own, ...ruby.map(({ title, pid }) => `${title}: ${pid}`)];
}

/** Lines of `tproxy status -v`: every process of ours, what it is, and how many connections it has. */
export async function verboseStatusLines(
  found: readonly OwnProcess[] = ownProcesses(),
  ruby: readonly Predecessor[] = predecessors(),
): Promise<string[]> {
  const forwarder = found.some(({ role }) => role === 'forwarder');
  const report = forwarder ? await askForwarder('count', {}).catch(() => undefined) : undefined;
  const own = found.map((process_) => verboseLine(process_, report));
  const others = ruby.map(
    ({ title, pid }) => `${title}: ${pid}  OpenNebula's own tproxy in Ruby; tproxy start takes over from it`,
  );
  return [...own, ...others];
}

function verboseLine({ pid, role, bridge, astray }: OwnProcess, report: RelayCount | undefined): string {
  if (role === 'watch') return `${WATCH_TITLE}: ${pid}  starts the forwarder again when it dies or hangs`;
  if (role === 'forwarder') return `${PREFIX}: ${pid}  forwarder, ${connections(report?.relays)}`;
  if (role === 'draining') {
    const left = connectionsLeft(pid);
    const what = left === undefined ? 'its connections' : counted(left, 'connection');
    return `${DRAINING_TITLE}: ${pid}  draining: finishes ${what}, takes no new ones`;
  }
  const count = report?.bridges.find((entry) => entry.bridge === bridge)?.relays;
  const state = astray ? 'astray: its netns is gone or another one now' : connections(count);
  return `${listenerTitle(bridge ?? '')}: ${pid}  listener of ${bridge}, ${state}`;
}

function connections(count: number | undefined): string {
  return count === undefined ? 'does not answer' : counted(count, 'connection');
}
