import { netnsName, SERVICE_ADDRESS } from '../../src/model/names.ts';
import { SERVICE_PORTS } from '../topology/ports.ts';
import { BRIDGE, type Peer } from './peer.ts';

/** socat in two hops, a process per connection and hop: what a shell script would do. */
export const socatPeer: Peer = {
  key: 'socat',
  label: 'socat, two hops',
  proxies: true,
  // Two processes each.
  maxRelays: 1000,
  start: async (hypervisor) => {
    const inNetns = hypervisor.inNetns(netnsName(BRIDGE));
    for (const port of SERVICE_PORTS) {
      const socket = `/run/socat-${port}.sock`;
      hypervisor.start(`socat-outer-${port}`, hypervisor.inRoot, [
        'socat',
        `UNIX-LISTEN:${socket},fork,unlink-early,backlog=4096`,
        `TCP:${hypervisor.upstream}:${port},nodelay`,
      ]);
      hypervisor.start(`socat-inner-${port}`, inNetns, [
        'socat',
        `TCP-LISTEN:${port},bind=${SERVICE_ADDRESS},fork,reuseaddr,nodelay,backlog=4096`,
        `UNIX-CONNECT:${socket}`,
      ]);
    }
  },
};
