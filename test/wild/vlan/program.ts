import { AddressBook } from '../../../src/driver/addresses.ts';
import type { Attachment } from '../../../src/driver/attachments/attachment.ts';
import type { DriverDeps } from '../../../src/driver/deps.ts';
import { observeBridge } from '../../../src/driver/facts/observe.ts';
import { bridgeUse } from '../../../src/driver/guests.ts';
import { applyHost, planHost } from '../../../src/driver/host.ts';
import { lookAtNft, type NftAbility } from '../../../src/driver/nft-ability.ts';
import { words } from '../../../src/driver/plan/step-words.ts';
import { attach } from '../../../src/driver/up.ts';
import { messageOf } from '../../../src/errors.ts';
import type { Service } from '../../../src/model/service.ts';
import { thisHost } from '../../../src/system/host.ts';
import { runProgram } from '../../../src/system/run.ts';

/** Runs inside the machine, as root of it: the driver on bridges that filter by VLANs. The daemons are none: a port refuses. */
const SERVICES: readonly Service[] = [
  { servicePort: 5030, remoteAddr: '10.11.12.13', remotePort: 5030, networks: [], line: 1 },
];
const records = new Map<string, Attachment>();
const keyOf = ({ bridge, owner }: Attachment) => `${bridge}/${owner.is === 'vm' ? owner.tap : ''}`;
let ability: Promise<NftAbility> | undefined;
const quiet = () => undefined;
const deps: DriverDeps = {
  run: (command, args, options) => runProgram(command, args, { timeoutMs: 120_000, ...options }),
  host: thisHost,
  daemons: { sync: async () => undefined, serves: async () => true },
  attachments: {
    load: async () => ({ attachments: [...records.values()], damaged: [] }),
    put: async (one) => void records.set(keyOf(one), one),
    remove: async (one) => void records.delete(keyOf(one)),
  },
  addresses: new AddressBook(async () => new Map()),
  nft: () => (ability ??= lookAtNft(deps.run)),
  report: { info: quiet, warning: quiet, error: quiet },
  policing: undefined,
  withLock: (fn) => fn(),
};

function result(name: string, value: unknown): void {
  console.log(`RESULT ${name} ${JSON.stringify(value)}`);
}

async function sh(script: string): Promise<string> {
  return (await deps.run('bash', ['--norc', '-euc', script])).stdout.trim();
}

/** A guest whose port is untagged in this VLAN; undefined: in none yet. */
async function addGuest(bridge: string, vmId: number, vlan?: number): Promise<void> {
  const tap = `one-${vmId}-0`;
  await sh(`
    ip netns add vm${vmId}
    ip link add ${tap} type veth peer name eth0 netns vm${vmId}
    ip link set ${tap} master ${bridge} up
    ip -n vm${vmId} address add 192.168.1.${vmId}/24 dev eth0
    ip -n vm${vmId} link set eth0 up
    ip -n vm${vmId} route add 169.254.16.9 dev eth0 scope link
    ${vlan === undefined ? '' : `bridge vlan add dev ${tap} vid ${vlan} pvid untagged`}
  `);
}

/** Nobody listens, so the answer of the service address is a refusal. */
async function reaches(vmId: number): Promise<boolean> {
  const dial = `timeout 20 bash --norc -c 'exec 3<>/dev/tcp/169.254.16.9/5030' 2>&1 || true`;
  return (await sh(`nsenter --net=/run/netns/vm${vmId} bash --norc -c ${JSON.stringify(dial)}`)).includes(
    'refused',
  );
}

const up = (bridge: string, vmId: number) =>
  attach(
    {
      owner: { is: 'vm', vmId: `${vmId}`, nicId: '0', tap: `one-${vmId}-0` },
      ...{ bridge, network: { name: 'a' }, uplinks: [] },
    },
    SERVICES,
    deps,
  );

const membership = async (port: string): Promise<string> =>
  (await sh(`bridge vlan show dev ${port}`)).split('\n').slice(1).join(' ').replaceAll(/\s+/g, ' ').trim();
const planned = async (): Promise<string[]> =>
  (await planHost(SERVICES, deps)).flatMap(({ steps, why }) => [...steps.map(words), ...(why ? [why] : [])]);

/** The guest speaks with the MAC of the service, as a thief of it would: gratuitous ARP that the guard does not look for. */
async function speakAsService(vmId: number): Promise<void> {
  const mac = await sh(`ip -n one_tproxy_br0 -o link show br0a | grep -o 'link/ether [^ ]*' | cut -d' ' -f2`);
  await sh(`
    ip -n vm${vmId} link set eth0 address ${mac}
    nsenter --net=/run/netns/vm${vmId} busybox arping -q -c 2 -w 3 -I eth0 192.168.1.99 || true
  `);
}

/** The port behind which the bridge finds the MAC of the service in a VLAN. */
const foundBehind = async (vlan: number): Promise<string> => {
  const mac = await sh(`ip -n one_tproxy_br0 -o link show br0a | grep -o 'link/ether [^ ]*' | cut -d' ' -f2`);
  return sh(`bridge fdb show br br0 | grep '^${mac} .*vlan ${vlan} ' | cut -d' ' -f3 || true`);
};

await sh('ip link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0; ip link set br0 up');
await addGuest('br0', 7, 10);
result('up', await up('br0', 7));
result('member', await membership('br0b'));
result('reached', await reaches(7));
result('nothing-left', await planned());

await sh('bridge vlan del dev br0b vid 10; bridge vlan add dev br0b vid 1 pvid untagged');
result('lost', [await reaches(7), await planned()]);
await applyHost(SERVICES, deps);
result('repaired', [await membership('br0b'), await reaches(7), await planned()]);

await sh('ip link delete br0b');
await applyHost(SERVICES, deps);
result('made-again', [await membership('br0b'), await reaches(7)]);

// The other VLAN: a thief in it, first with the pin and then without.
await addGuest('br0', 6, 10);
await speakAsService(6);
result('pinned', [await foundBehind(10), await reaches(7)]);
await sh(
  `bridge fdb del "$(ip -n one_tproxy_br0 -o link show br0a | grep -o 'link/ether [^ ]*' | cut -d' ' -f2)" dev br0b master vlan 10`,
);
result('unpinned-plan', await planned());
await speakAsService(6);
result('unpinned', await foundBehind(10));
await sh('ip link delete one-6-0');
await applyHost(SERVICES, deps);
result('pinned-again', [await foundBehind(10), await reaches(7)]);

await sh('bridge vlan add dev br0b vid 20');
result('one-vlan-more', await planned());
await applyHost(SERVICES, deps);
result('one-vlan-more-pinned', await foundBehind(20));

await addGuest('br0', 9, 20);
result('several', await up('br0', 9).catch(messageOf));
await sh('ip link delete one-9-0');

// QinQ as OpenNebula makes it: `post` has the ports in the service VLAN, and the guest tags its own VLANs.
await sh('ip link add br1 type bridge; ip link set br1 up');
await up('br1', 8);
await addGuest('br1', 8);
await sh(`
  ip link set br1 type bridge vlan_filtering 1
  for port in one-8-0 br1b; do bridge vlan add dev $port vid 100 pvid untagged; bridge vlan del dev $port vid 1; done
  bridge vlan add dev one-8-0 vid 200
`);
result('qinq-plan', await planned());
await applyHost(SERVICES, deps);
await sh('ip link delete br1b');
await applyHost(SERVICES, deps);
result('qinq', [await membership('br1b'), await reaches(8)]);

// What holds an evaluation's bridge up.
await sh(
  'ip link add br2 type bridge; ip link add minionebr-nic type dummy; ip link set minionebr-nic master br2',
);
result(
  'dummy',
  bridgeUse(await observeBridge(deps.run, thisHost, 'br2'), [], { uplinks: [], leaving: [] }).guestPorts,
);
