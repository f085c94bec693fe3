import { existsSync } from 'node:fs';
import type { Options } from '../options.ts';
import { haproxyAutoPeer, haproxyPeer } from './haproxy.ts';
import { nginxPeer } from './nginx.ts';
import { nodePeer } from './node.ts';
import type { Peer } from './peer.ts';
import { routedPeer } from './routed.ts';
import { socatPeer } from './socat.ts';
import { socketProxydPeer } from './socket-proxyd.ts';
import { tproxyPeer } from './tproxy.ts';

const OTHERS: readonly Peer[] = [
  haproxyPeer,
  haproxyAutoPeer,
  nginxPeer,
  nodePeer,
  socatPeer,
  socketProxydPeer,
  routedPeer,
];
/** Worth a line, not an hour of every run: a process per connection or per service, and HAProxy once more. */
const ON_REQUEST_ONLY = new Set([haproxyAutoPeer.key, socatPeer.key, socketProxydPeer.key]);

/** Key of this program, and of the build of `--against`. */
export const TPROXY_KEY = 'tproxy';
export const AGAINST_KEY = 'against';

/** The peers of a run, this program first. `warn` hears about a peer that has to be left out. */
export function selectPeers(
  options: Pick<Options, 'peers' | 'against' | 'tproxy'>,
  warn: (text: string) => void,
): Peer[] {
  const all = [tproxyPeer(TPROXY_KEY, 'tproxy', options.tproxy)];
  if (options.against !== undefined) {
    all.push(tproxyPeer(AGAINST_KEY, `tproxy ${options.against.label}`, options.against.executable));
  }
  all.push(...OTHERS);

  const { peers: wanted } = options;
  const unknown = wanted?.find((key) => !all.some((peer) => peer.key === key));
  if (unknown !== undefined) {
    throw new Error(`--peers: no "${unknown}" (${all.map((peer) => peer.key).join(', ')})`);
  }
  // Two builds are compared with each other, whatever else is asked for.
  const always = options.against === undefined ? [] : [TPROXY_KEY, AGAINST_KEY];
  const chosen = all.filter(({ key }) =>
    wanted === undefined ? !ON_REQUEST_ONLY.has(key) : wanted.includes(key) || always.includes(key),
  );
  if (existsSync(options.tproxy) || wanted?.includes(TPROXY_KEY)) return chosen;
  warn(`${options.tproxy} does not exist; measuring without this program`);
  return chosen.filter(({ key }) => key !== TPROXY_KEY);
}
