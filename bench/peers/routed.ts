import { addRoute } from '../topology/bridge.ts';
import { UPSTREAM_NETNS } from '../topology/upstream.ts';
import { BRIDGE, type Peer } from './peer.ts';

/** No proxy: the guest is routed to the upstream. What the machine and the measuring programs can do at most. */
export const routedPeer: Peer = {
  key: 'routed',
  label: 'routed, no proxy',
  proxies: false,
  start: async (hypervisor) => {
    await addRoute(hypervisor, BRIDGE, UPSTREAM_NETNS);
  },
};
