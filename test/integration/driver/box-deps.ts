import { readdirSync, readFileSync, statSync } from 'node:fs';
import { AddressBook } from '../../../src/driver/addresses.ts';
import { type AttachmentStore, attachmentsIn } from '../../../src/driver/attachments/attachments.ts';
import type { DriverDeps } from '../../../src/driver/deps.ts';
import { lookAtNft, type NftAbility } from '../../../src/driver/nft-ability.ts';
import { CommandError } from '../../../src/errors.ts';
import { DEFAULT_POLICING, type Policing } from '../../../src/model/limits.ts';
import type { Service } from '../../../src/model/service.ts';
import type { Host, Moment } from '../../../src/system/host.ts';
import { readEndpointMaps } from '../../../src/system/nft.ts';
import type { Run } from '../../../src/system/run.ts';
import type { Sandbox } from '../../support/sandbox.ts';

/** The seams of the driver, leading into a sandbox. Everything that went through them is on record. */
export interface BoxDeps extends DriverDeps {
  /** Command lines of the programs that ran, in order. */
  readonly commands: string[];
  /** Bridges that the daemons were asked to follow. */
  readonly synced: string[];
  /** Lines reported: `INFO …`, `WARNING …`, `ERROR …`. */
  readonly lines: string[];
  /** Seconds by which the host's uptime is ahead of the machine's. */
  laterS: number;
  /** What ports may send. */
  policing: Policing | undefined;
  /** What the daemons do when asked; replace it to make them fail. */
  sync: (bridge: string) => Promise<void>;
  /** Stands before each program; replace it to make one fail. */
  before: (command: string, count: number) => void;
}

export function boxDeps(box: Sandbox): BoxDeps {
  const commands: string[] = [];
  const synced: string[] = [];
  const lines: string[] = [];
  let ability: Promise<NftAbility> | undefined;
  let locked = Promise.resolve<unknown>(undefined);
  const deps: BoxDeps = {
    commands,
    synced,
    lines,
    laterS: 0,
    policing: DEFAULT_POLICING,
    sync: async () => {},
    before: () => {},
    run: async (command, args, options) => {
      const line = [command, ...args].join(' ');
      commands.push(line);
      deps.before(line, commands.length);
      return runIn(box)(command, args, options);
    },
    host: hostIn(box, () => deps.laterS),
    nft: () => (ability ??= lookAtNft(runIn(box))),
    daemons: {
      async sync(bridge) {
        synced.push(bridge);
        await deps.sync(bridge);
      },
      serves: async () => false,
    },
    attachments: storeIn(box),
    addresses: new AddressBook(
      async (names) => new Map(names.map((name) => [name, { reason: `${name}: no such host` }])),
    ),
    report: {
      info: (text) => lines.push(`INFO ${text}`),
      warning: (text) => lines.push(`WARNING ${text}`),
      error: (text) => lines.push(`ERROR ${text}`),
    },
    withLock(fn) {
      const result = locked.then(fn);
      locked = result.catch(() => {});
      return result;
    },
  };
  return deps;
}

export function runIn(box: Sandbox): Run {
  return async (command, args, options = {}) => {
    const { status, stdout, stderr } = await box.run([command, ...args], {
      input: options.input ?? '',
    });
    if (status === 0) return { stdout, stderr };
    const line = [command, ...args].join(' ');
    throw new CommandError(`${line}: ${stderr.trim()}`, { command: line, status, stderr: stderr.trim() });
  };
}

/** `thisHost`, seen from outside of the sandbox. */
function hostIn(box: Sandbox, laterS: () => number): Host {
  const ownNetns = statSync('/proc/self/ns/net');
  return {
    async deviceNames() {
      const lines = (await box.run(['cat', '/proc/net/dev'])).stdout.split('\n').slice(2);
      return new Set(lines.map((line) => line.split(':')[0]?.trim() ?? '').filter((name) => name !== ''));
    },
    async netnsState(netns) {
      try {
        return statSync(box.path(`/run/netns/${netns}`)).dev === ownNetns.dev ? 'present' : 'stale';
      } catch {
        return 'missing';
      }
    },
    netnsNames: async () => readdirSync(box.path('/run/netns')),
    identity: async () => box.id,
    now: async (): Promise<Moment> => ({
      bootId: 'boot',
      uptimeS: Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) + laterS(),
    }),
  };
}

function storeIn(box: Sandbox): AttachmentStore {
  return attachmentsIn(box.path('/run/one_tproxy/attachments'));
}

/** Everything in the root namespace and the netns list that the driver may touch; equal before and after means no trace. */
export async function traces(box: Sandbox): Promise<string> {
  const tables = await box.sh(`
    nft list tables | sort | while read -r _ family table; do nft list table "$family" "$table"; done
  `);
  const rest = await box.sh(`
    ip netns list | sort
    ip -o link show | sed -E 's/^[0-9]+: //; s/ (state|qlen|mode) .*//; s/NO-CARRIER,|,LOWER_UP|,M-DOWN//g' | sort
    ls -A /run/netns /run/one_tproxy/attachments 2>/dev/null || true
  `);
  return `${tables
    .replaceAll(/(set (?:senders|newcomers|police_\w+) \{[^}]*?)\s*elements = \{[^}]*\}/g, '$1')
    .split(/^(?=table )/m)
    .map(inOrder)
    .join('')}${rest}`;
}

/** A table lists its chains in the order of their making, which a repair changes. */
function inOrder(table: string): string {
  const [head = '', ...lines] = table.split('\n');
  const blocks = lines
    .join('\n')
    .replace(/\n\}\s*$/, '')
    .split('\n\n');
  return [head, ...blocks.sort(), '}\n'].join('\n');
}

/** Those of the command lines that may change something. */
export function changes(commands: readonly string[]): string[] {
  return commands.filter(
    (line) =>
      !/^nft -j list |^ip -j -d -batch -$|^bridge -j |^nft -c |^nsenter .* ip -j -d -batch -/s.test(line),
  );
}

/** Endpoints of a bridge as nft has them: service port → `address:port`. */
export async function mapOf(box: Sandbox, bridge: string): Promise<Record<string, string>> {
  const endpoints = (await readEndpointMaps(runIn(box))).get(bridge);
  if (endpoints === undefined) throw new Error(`bridge ${bridge} has no endpoint map`);
  return Object.fromEntries(
    endpoints.map(({ servicePort, upstream }) => [`${servicePort}`, `${upstream.address}:${upstream.port}`]),
  );
}

export function service(servicePort: number, upstream: string, networks: string[] = []): Service {
  const [remoteAddr = '', port = ''] = upstream.split(':');
  return { servicePort, remoteAddr, remotePort: Number(port), networks, line: servicePort };
}

/** NIC 0 of a VM as `up` is asked for it. */
export function vm(vmId: number, bridge: string, network: string) {
  const owner = { is: 'vm', vmId: `${vmId}`, nicId: '0', tap: `one-${vmId}-0` } as const;
  return {
    owner,
    bridge,
    network: { name: network, id: `${network.charCodeAt(0)}` },
    uplinks: [] as string[],
  };
}
