import { nftText } from '../../src/driver/plan/nft-text.ts';
import type { Policing } from '../../src/model/limits.ts';
import {
  arpChainName,
  bridgePort,
  endpointMapName,
  NFT_TABLE,
  SERVICE_ADDRESS,
} from '../../src/model/names.ts';
import { attempt, run } from '../host/run.ts';
import type { Hypervisor } from './hypervisor.ts';
import { SERVICE_PORTS } from './ports.ts';

/** The endpoints of a bridge in the form of the contract, as a stock driver writes them. */
export async function writeEndpointMap(hypervisor: Hypervisor, bridge: string): Promise<void> {
  const map = endpointMapName(bridge);
  const elements = SERVICE_PORTS.map((port) => `${port} : ${hypervisor.upstream} . ${port}`);
  await run([...hypervisor.inRoot, 'nft', '-f', '-'], {
    input: `
table ip ${NFT_TABLE} { map ${map} { type inet_service : ipv4_addr . inet_service; }; };
flush map ip ${NFT_TABLE} ${map};
add element ip ${NFT_TABLE} ${map} { ${elements.join(', ')} };
`,
  });
}

/** The bridge's ARP chain: one rule that every frame which the bridge forwards has to pass. */
export async function writeArpChain(hypervisor: Hypervisor, bridge: string): Promise<void> {
  const chain = arpChainName(bridge);
  const rules = (match: string) => `
table bridge ${NFT_TABLE} { chain ${chain} { type filter hook forward priority filter; policy accept; }; };
flush chain bridge ${NFT_TABLE} ${chain};
add rule bridge ${NFT_TABLE} ${chain} ${match} arp operation request arp daddr ip ${SERVICE_ADDRESS} drop;
`;
  const nft = [...hypervisor.inRoot, 'nft', '-f', '-'];
  const oifname = `oifname != "${bridgePort(bridge)}"`;
  const { status } = await attempt(nft, { input: rules(`meta ibrname "${bridge}" ${oifname}`) });
  // Kernels without CONFIG_NFT_BRIDGE_META; the hypervisor has one bridge only.
  if (status !== 0) await run(nft, { input: rules(oifname) });
}

/** The limit of what ports may send, as this program writes it. The hypervisor has one bridge only. */
export async function writePolice(hypervisor: Hypervisor, bridge: string, policing: Policing): Promise<void> {
  const input = nftText([
    { do: 'create-table', family: 'bridge' },
    { do: 'create-port-set' },
    { do: 'list-port', names: [bridgePort(bridge)] },
    {
      do: 'put-chain',
      chain: 'police',
      subject: { bridge, form: 'port-set', policing, lacks: new Set() },
      found: 'missing',
    },
  ]);
  await run([...hypervisor.inRoot, 'nft', '-f', '-'], { input });
}
