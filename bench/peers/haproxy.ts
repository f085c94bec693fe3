import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { netnsName, SERVICE_ADDRESS } from '../../src/model/names.ts';
import { IPERF_PORT, SERVICE_PORTS } from '../topology/ports.ts';
import { BRIDGE, type Peer } from './peer.ts';

/**
 * `splice-auto` leaves small requests to recv and send, but may miss a bulk stream for its whole life (seen: not one
 * splice in 8 s, 5.5 instead of 10 Gbit/s). The unconditional options halve the rate of small requests. So each service
 * gets what serves it best: HAProxy at its best is what there is to beat.
 */
function bestSplicing(port: number): string {
  return port === IPERF_PORT ? 'option splice-request\n  option splice-response' : 'option splice-auto';
}

/** HAProxy at its best. */
export const haproxyPeer = peer('haproxy', 'HAProxy', bestSplicing);
/** HAProxy as one finds it configured. */
export const haproxyAutoPeer = peer('haproxy-auto', 'HAProxy, splice-auto', () => 'option splice-auto');

/** One process, one thread, listening in the netns by itself, with splice. */
function peer(key: string, label: string, splicing: (port: number) => string): Peer {
  return {
    key,
    label,
    proxies: true,
    start: async (hypervisor, { maxRelays }) => {
      const file = join(hypervisor.scratch, 'haproxy.cfg');
      const listens = SERVICE_PORTS.map(
        (port) => `
listen service${port}
  bind ${SERVICE_ADDRESS}:${port} namespace ${netnsName(BRIDGE)}
  ${splicing(port)}
  server upstream ${hypervisor.upstream}:${port}
`,
      );
      writeFileSync(
        file,
        `
global
  nbthread 1
  maxconn ${maxRelays + 64}
  # The default, a quarter of maxconn, wants more descriptors than some machines give.
  maxpipes 128
defaults
  mode tcp
  maxconn ${maxRelays + 64}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
${listens.join('')}`,
      );
      hypervisor.start('haproxy', hypervisor.inRoot, ['haproxy', '-db', '-f', file]);
    },
  };
}
