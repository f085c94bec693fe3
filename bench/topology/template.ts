import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hypervisor } from './hypervisor.ts';
import { SERVICE_PORTS } from './ports.ts';

/** No peer has any. */
const NO_LIMITS = ':tproxy_limits: {:guest_connections: 0, :guest_rate: 0}';

/** The configuration that `tproxy up` reads: every service of the upstream, for every network. */
export function writeConfiguration(hypervisor: Hypervisor): void {
  const dir = join(hypervisor.scratch, 'one/etc/vnm');
  mkdirSync(dir, { recursive: true });
  const entries = SERVICE_PORTS.map(
    (port) => `
- :service_port: ${port}
  :remote_addr: ${hypervisor.upstream}
  :remote_port: ${port}`,
  );
  writeFileSync(
    join(dir, 'OpenNebulaNetwork.conf'),
    `:tproxy_debug_level: 2\n${NO_LIMITS}\n:tproxy:${entries.join('')}\n`,
  );
}

/** What a VNM hook gets on its input: the VM template, in base64. `index` makes VM, NIC and network its own. */
export function hookInput(bridge: string, index: number): string {
  const nic = {
    AR_ID: '0',
    BRIDGE: bridge,
    BRIDGE_TYPE: 'linux',
    MAC: `02:00:ac:10:${hex(index >> 8)}:${hex(index & 255)}`,
    NETWORK: `network${index}`,
    NETWORK_ID: String(index),
    NIC_ID: '0',
    TARGET: `one-${index}-0`,
    VN_MAD: 'bridge',
  };
  const fields = Object.entries(nic).map(([name, value]) => `<${name}><![CDATA[${value}]]></${name}>`);
  const vm = `<VM><ID>${index}</ID><DEPLOY_ID/><TEMPLATE><NIC>${fields.join('')}</NIC></TEMPLATE></VM>`;
  return Buffer.from(vm).toString('base64');
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
