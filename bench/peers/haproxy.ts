import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { netnsName, SERVICE_ADDRESS } from '../../src/model/names.ts';
import { SERVICE_PORTS } from '../topology/ports.ts';
import { BRIDGE, type Peer } from './peer.ts';

/** HAProxy: one process, one thread, listening in the netns by itself, splice when it pays. */
export const haproxyPeer: Peer = {
  key: 'haproxy',
  label: 'HAProxy',
  proxies: true,
  start: async (hypervisor, { maxRelays }) => {
    const file = join(hypervisor.scratch, 'haproxy.cfg');
    const listens = SERVICE_PORTS.map(
      (port) => `
listen service${port}
  bind ${SERVICE_ADDRESS}:${port} namespace ${netnsName(BRIDGE)}
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
  option splice-auto
  maxconn ${maxRelays + 64}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
${listens.join('')}`,
    );
    hypervisor.start('haproxy', hypervisor.inRoot, ['haproxy', '-db', '-f', file]);
  },
};
