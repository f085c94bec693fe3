import { join } from 'node:path';
import { netnsName, SERVICE_ADDRESS } from '../../src/model/names.ts';
import { SERVICE_PORTS } from '../topology/ports.ts';
import { BRIDGE, type Peer } from './peer.ts';

/** Plain Node in two hops: what this program would be without system calls of its own. */
export const nodePeer: Peer = {
  key: 'node',
  label: 'node:net, two hops',
  proxies: true,
  start: async (hypervisor, { js }) => {
    const hop = [process.execPath, join(js, 'node-hop.mjs')];
    const socket = (port: number) => `/run/node-${port}.sock`;
    const outer = SERVICE_PORTS.map((port) => `${socket(port)}=${hypervisor.upstream}:${port}`);
    const inner = SERVICE_PORTS.map((port) => `${SERVICE_ADDRESS}:${port}=${socket(port)}`);
    hypervisor.start('node-outer', hypervisor.inRoot, [...hop, ...outer]);
    hypervisor.start('node-inner', hypervisor.inNetns(netnsName(BRIDGE)), [...hop, ...inner]);
  },
};
