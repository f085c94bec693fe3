import { netnsName, SERVICE_ADDRESS } from '../../src/model/names.ts';
import { SERVICE_PORTS } from '../topology/ports.ts';
import { BRIDGE, type Peer } from './peer.ts';

/**
 * systemd-socket-proxyd, one process per service: the listening socket is made in the netns, and the program that
 * inherits it goes back to the root namespace before it starts, as a unit with a `NetworkNamespacePath=` socket would.
 */
export const socketProxydPeer: Peer = {
  key: 'socket-proxyd',
  label: 'systemd-socket-proxyd',
  proxies: true,
  start: async (hypervisor, { maxRelays }) => {
    for (const port of SERVICE_PORTS) {
      hypervisor.start(`socket-proxyd-${port}`, hypervisor.inNetns(netnsName(BRIDGE)), [
        'systemd-socket-activate',
        `--listen=${SERVICE_ADDRESS}:${port}`,
        'nsenter',
        '--net=/proc/1/ns/net',
        '--',
        '/lib/systemd/systemd-socket-proxyd',
        `--connections-max=${maxRelays + 64}`,
        `${hypervisor.upstream}:${port}`,
      ]);
    }
  },
};
