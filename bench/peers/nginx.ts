import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { netnsName, SERVICE_ADDRESS } from '../../src/model/names.ts';
import type { Hypervisor } from '../topology/hypervisor.ts';
import { SERVICE_PORTS } from '../topology/ports.ts';
import { BRIDGE, type Peer } from './peer.ts';

/** nginx stream in two hops: one nginx in the netns, a unix socket per service, one in the root namespace. */
export const nginxPeer: Peer = {
  key: 'nginx',
  label: 'nginx, two hops',
  proxies: true,
  start: async (hypervisor, { maxRelays }) => {
    const inner = SERVICE_PORTS.map((port) =>
      server(`${SERVICE_ADDRESS}:${port}`, `unix:/run/nginx-${port}.sock`),
    );
    const outer = SERVICE_PORTS.map((port) =>
      server(`unix:/run/nginx-${port}.sock`, `${hypervisor.upstream}:${port}`),
    );
    startNginx(hypervisor, 'outer', hypervisor.inRoot, outer, maxRelays);
    startNginx(hypervisor, 'inner', hypervisor.inNetns(netnsName(BRIDGE)), inner, maxRelays);
  },
};

function server(listen: string, upstream: string): string {
  return `server { listen ${listen} backlog=4096; proxy_pass ${upstream}; }`;
}

function startNginx(
  hypervisor: Hypervisor,
  name: string,
  prefix: readonly string[],
  servers: readonly string[],
  maxRelays: number,
): void {
  const dir = join(hypervisor.scratch, `nginx-${name}`);
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'nginx.conf');
  writeFileSync(
    file,
    `
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid ${dir}/pid;
user root;
worker_processes 1;
error_log ${dir}/error.log;
# nginx allocates this many connections in advance; two per relay.
events { worker_connections ${2 * maxRelays + 512}; }
stream {
  access_log off;
  tcp_nodelay on;
  proxy_timeout 1h;
  proxy_connect_timeout 5s;
  ${servers.join('\n  ')}
}
`,
  );
  hypervisor.start(`nginx-${name}`, prefix, ['nginx', '-p', dir, '-c', file, '-e', join(dir, 'error.log')]);
}
