import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { cpuSeconds, namespaceOf, processesIn } from '../host/processes.ts';
import { eventually, killGroup, startBackground } from '../host/run.ts';
import { ipBatch, settle } from './netns.ts';
import { UPSTREAM_NETNS } from './upstream.ts';

/**
 * A hypervisor of its own for every peer: network, mount and PID namespace, /run, /var/log and /var/tmp. So several
 * peers (and two builds of this program, which could never share a host) stand side by side, and "the processes of a
 * peer" are simply those of its PID namespace.
 *
 *   guest ── br0 ── [service netns]   hypervisor   up0 ── upstream
 */
export interface Hypervisor {
  readonly name: string;
  /** Address of the upstream as seen from here. */
  readonly upstream: string;
  /** The upstream's end of the link, and the address of this end. */
  readonly uplink: { readonly device: string; readonly gateway: string };
  /** Directory on disk, reachable from inside and from outside; /var/tmp/one inside is `<scratch>/one`. */
  readonly scratch: string;
  /** Enters the namespaces of the hypervisor, root network. */
  readonly inRoot: readonly string[];
  /** Enters a named netns of the hypervisor, with the hypervisor's mounts and PIDs. */
  readonly inNetns: (netns: string) => readonly string[];
  /** Enters only the network of a named netns: for clients, which must not count as processes of the hypervisor. */
  readonly asClient: (netns: string) => readonly string[];
  /** Starts a server inside; its output is in `<scratch>/<name>.log`. */
  readonly start: (name: string, prefix: readonly string[], argv: readonly string[]) => void;
  /** CPU seconds used inside so far. */
  readonly cpuSeconds: () => number;
  /** Processes whose network is one of the named netns, and all others. */
  readonly pidsByNetns: (names: readonly string[]) => {
    readonly inside: number[];
    readonly outside: number[];
  };
  /** Last lines of every server's log. */
  readonly logs: () => string;
  /** Ends every process inside and removes the unix sockets they left directly in /run; the plumbing stays. */
  readonly reset: () => Promise<void>;
  readonly close: () => void;
}

/** PID 1 of a hypervisor. bash, because it reaps the orphans that daemons leave to it. */
const INIT = `
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs /var/tmp
mount -t sysfs sysfs /sys
mkdir /var/tmp/one
mount --bind "$1" /var/tmp/one
ip link set lo up
touch /run/bench-is-up
while :; do sleep 3600 & wait; done
`;

const UP_TIMEOUT_MS = 10_000;

/** `index` from 1 to 200, unique in the run. */
export async function openHypervisor(name: string, index: number, scratchRoot: string): Promise<Hypervisor> {
  const scratch = join(scratchRoot, name);
  // On disk, not on a tmpfs: pages of a tmpfs file count as dirty in smaps, and would make a mapped library private memory.
  mkdirSync(join(scratch, 'one'), { recursive: true });

  const unshare = ['--net', '--mount', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', '--'];
  const holder = spawn('unshare', [...unshare, 'bash', '-c', INIT, 'init', join(scratch, 'one')], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const init = await eventually(UP_TIMEOUT_MS, () => {
    const child = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim());
    if (child === 0) throw new Error(`${name}: the namespaces of the hypervisor did not come up`);
    statSync(`/proc/${child}/root/run/bench-is-up`);
    return child;
  });
  const pidNamespace = namespaceOf(init, 'pid') ?? '';

  const netnsFile = (netns: string) => `/proc/${init}/root/run/netns/${netns}`;
  const inRoot = ['nsenter', '--target', String(init), '--mount', '--net', '--pid', '--'];
  const inNetns = (netns: string) => [
    'nsenter',
    '--target',
    String(init),
    '--mount',
    '--pid',
    `--net=${netnsFile(netns)}`,
    '--',
  ];

  const gateway = `10.11.${index}.1`;
  const upstream = `10.11.${index}.2`;
  const device = `site${index}`;
  await ipBatch([], [`link add ${device} netns ${UPSTREAM_NETNS} type veth peer name up0 netns ${init}`]);
  await ipBatch(inRoot, [`address add ${gateway}/24 dev up0`, 'link set up0 up']);
  await ipBatch(
    ['ip', 'netns', 'exec', UPSTREAM_NETNS],
    [`address add ${upstream}/24 dev ${device}`, `link set ${device} up`],
  );
  await settle(inRoot);

  const servers = new Map<string, ReturnType<typeof startBackground>>();
  const inside = () => processesIn(pidNamespace);
  const inhabitants = () => inside().filter((pid) => pid !== init && !isInitsSleep(pid, init));
  return {
    name,
    upstream,
    uplink: { device, gateway },
    scratch,
    inRoot,
    inNetns,
    asClient: (netns) => ['nsenter', `--net=${netnsFile(netns)}`, '--'],
    start: (server, prefix, argv) => {
      servers.set(server, startBackground([...prefix, ...argv], join(scratch, `${server}.log`)));
    },
    cpuSeconds: () => cpuSeconds(inside()),
    pidsByNetns: (names) => {
      const networks = new Set(names.map((netns) => `net:[${statSync(netnsFile(netns)).ino}]`));
      const pids = inhabitants();
      const isInside = (pid: number) => networks.has(namespaceOf(pid, 'net') ?? '');
      return { inside: pids.filter(isInside), outside: pids.filter((pid) => !isInside(pid)) };
    },
    logs: () => [...servers].map(([server, { log }]) => `${server}: ${log()}`).join('\n  '),
    reset: async () => {
      for (const pid of inhabitants()) killProcess(pid);
      await Promise.all([...servers.values()].map((server) => server.stop()));
      servers.clear();
      await eventually(UP_TIMEOUT_MS, () => {
        const left = inhabitants();
        if (left.length > 0) throw new Error(`${name}: processes ${left.join(', ')} do not end`);
      });
      const runDir = `/proc/${init}/root/run`;
      for (const file of readdirSync(runDir)) if (file.endsWith('.sock')) unlinkSync(join(runDir, file));
    },
    close: () => killGroup(holder.pid),
  };
}

/** The `sleep` that PID 1 waits for. */
function isInitsSleep(pid: number, init: number): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sleep' &&
      readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nPPid:\t${init}\n`)
    );
  } catch {
    return false;
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
