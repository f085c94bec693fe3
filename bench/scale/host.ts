import { join } from 'node:path';
import { endpointMapName, NFT_TABLE, netnsName, SERVICE_ADDRESS } from '../../src/model/names.ts';
import { type Memory, memoryOf } from '../host/processes.ts';
import { elapsedMs, run, sleep } from '../host/run.ts';
import { installTproxy, TPROXY } from '../peers/tproxy.ts';
import { addBridge, guestNetns } from '../topology/bridge.ts';
import { type Hypervisor, openHypervisor } from '../topology/hypervisor.ts';
import { HTTP_PORT } from '../topology/ports.ts';
import { hookInput, writeConfiguration } from '../topology/template.ts';

const VERB_TIMEOUT_MS = 120_000;
const TRAFFIC_SECONDS = 3;
/**
 * Guests that ask at once, at most. Each has a neighbour entry in its own netns and one in that of its bridge, and the kernel keeps
 * 1024 for all namespaces together (`gc_thresh3`); on a hypervisor those of the guests would be in the guests' kernels.
 */
export const TRAFFIC_BRIDGES = 400;
/** Entries that were used less than 5 s ago stay, even if there is no room for others. */
const NEIGHBOURS_AGE_MS = 6000;

/** A hypervisor with this program and many bridges. All times are milliseconds from start to exit. */
export interface Host {
  /** As in tables. */
  readonly label: string;
  readonly bridges: number;
  /** `up` for the bridge of that index; `bridges` itself is the index of the extra one. */
  readonly up: (index: number) => Promise<number>;
  readonly down: (index: number) => Promise<number>;
  readonly verb: (name: string) => Promise<number>;
  /** Changes one service of the last bridge in nft, as a stock driver would before `reload`. */
  readonly toggleService: () => Promise<void>;
  readonly memory: () => { readonly listeners: Memory; readonly forwarder: Memory };
  /** Requests per second of all guests together, of 400 at most, one connection each. */
  readonly traffic: () => Promise<number>;
}

export interface HostSetup {
  readonly root: string;
  readonly scratch: string;
  readonly executable: string;
}

/** A host whose bridges have no service yet, and one bridge more, for what comes and goes. */
export async function openHost(count: number, index: number, setup: HostSetup): Promise<Host> {
  const hypervisor = await openHypervisor(`host${count}`, index, setup.scratch);
  installTproxy(hypervisor, setup.executable);
  writeConfiguration(hypervisor);
  const bridges = Array.from({ length: count }, (_, i) => `br${i}`);
  for (const bridge of [...bridges, `br${count}`]) await addBridge(hypervisor, bridge);

  const verb = (name: string, input = '') =>
    elapsedMs([...hypervisor.inRoot, TPROXY, name], { input, timeoutMs: VERB_TIMEOUT_MS });
  let added = false;
  return {
    label: `${count} ${count === 1 ? 'bridge' : 'bridges'}`,
    bridges: count,
    up: (i) => verb('up', hookInput(`br${i}`, i + 1)),
    down: (i) => verb('down', hookInput(`br${i}`, i + 1)),
    verb: (name) => verb(name),
    toggleService: async () => {
      await toggleService(hypervisor, `br${count - 1}`, added);
      added = !added;
    },
    memory: () => {
      const { inside, outside } = hypervisor.pidsByNetns(bridges.map(netnsName));
      return { listeners: memoryOf(inside), forwarder: memoryOf(outside) };
    },
    traffic: () => traffic(hypervisor, bridges, setup.root),
  };
}

async function toggleService(hypervisor: Hypervisor, bridge: string, remove: boolean): Promise<void> {
  const element = `element ip ${NFT_TABLE} ${endpointMapName(bridge)}`;
  const input = remove
    ? `delete ${element} { 9999 };\n`
    : `add ${element} { 9999 : ${hypervisor.upstream} . ${HTTP_PORT} };\n`;
  await run([...hypervisor.inRoot, 'nft', '-f', '-'], { input });
}

async function traffic(hypervisor: Hypervisor, bridges: readonly string[], root: string): Promise<number> {
  const script = join(root, 'bench/clients/wrk-report.lua');
  const wrk = ['wrk', '-t', '1', '-c', '1', '-d', `${TRAFFIC_SECONDS}s`, '-s', script];
  const url = `http://${SERVICE_ADDRESS}:${HTTP_PORT}/`;
  await sleep(NEIGHBOURS_AGE_MS);
  const outputs = await Promise.all(
    bridges
      .slice(0, TRAFFIC_BRIDGES)
      .map((bridge) =>
        run([...hypervisor.asClient(guestNetns(bridge)), ...wrk, url], { timeoutMs: VERB_TIMEOUT_MS }),
      ),
  );
  return outputs.reduce((sum, output) => {
    const [, requests, us] = /requests=(\d+) microseconds=(\d+)/.exec(output) ?? [];
    return sum + Number(requests) / (Number(us) / 1e6);
  }, 0);
}
