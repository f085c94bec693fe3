import { limitConcurrency } from '../../concurrency.ts';
import { type LoadedConfig, loadConfig } from '../../config/load.ts';
import { resolveNames } from '../../config/resolve.ts';
import { AddressBook } from '../../driver/addresses.ts';
import { byLife } from '../../driver/attachments/attachment.ts';
import { attachmentsIn } from '../../driver/attachments/attachments.ts';
import type { DriverDeps } from '../../driver/deps.ts';
import type { NetnsFacts, Port } from '../../driver/facts/facts.ts';
import { observeNetns, portsOf } from '../../driver/facts/observe.ts';
import { type BridgeOutcome, planHost } from '../../driver/host.ts';
import { type NftAbility, rememberedAbility } from '../../driver/nft-ability.ts';
import { TproxyError } from '../../errors.ts';
import type { Endpoint, Upstream } from '../../model/endpoint.ts';
import { netnsName } from '../../model/names.ts';
import { ABILITY_FILE, netnsPath, RUN_DIRECTORY } from '../../process/paths.ts';
import { type Trouble, TroubleBook } from '../../process/troubles.ts';
import { type NetnsState, thisHost } from '../../system/host.ts';
import { askIp } from '../../system/ip.ts';
import type { Link } from '../../system/ip-json.ts';
import { type NftTables, readTables } from '../../system/nft.ts';
import type { Run } from '../../system/run.ts';
import type { GuestsSeen } from '../bridge/judge-bridge.ts';
import { callsIptables, readFilters } from '../crossing/filters.ts';
import type { Filters } from '../crossing/judge-passage.ts';
import { CONNECT_MS, PROBES_AT_ONCE, type ProbeResult, probe, SILENCE_MS } from '../way/probe.ts';
import { probeInside } from '../way/probe-inside.ts';
import { once, onceEach, type Patience, runOnce } from './once.ts';
import { type ProcessFacts, processFacts } from './process-facts.ts';
import { parseTcpSockets } from './sockets.ts';

/** What checks look at. Each thing is read once, when the first check asks for it, and nothing is changed. */
export interface Scene {
  readonly run: Run;
  config(): Promise<LoadedConfig>;
  /** With their addresses. */
  links(): Promise<readonly Link[]>;
  /** Of a bridge, with VLANs where it filters by them. */
  ports(bridge: string): Promise<readonly Port[]>;
  /** What others have put on the way of frames that pass a bridge. */
  filters(bridge: string): Promise<Filters>;
  tables(): Promise<NftTables>;
  /** What the nft at hand can carry. */
  nft(): Promise<NftAbility>;
  /** Of this host, from which MACs are made. */
  identity(): Promise<string>;
  netns(bridge: string): Promise<NetnsFacts>;
  /** Told by its file alone, without any program. */
  netnsState(bridge: string): Promise<NetnsState>;
  /** Names of the files in `/run/netns`. */
  netnsNames(): Promise<readonly string[]>;
  guests(): Promise<GuestsSeen>;
  /** NICs whose last hook failed. */
  troubles(): readonly Trouble[];
  processes(): readonly ProcessFacts[];
  /** What `tproxy apply` would do. */
  plan(): Promise<readonly BridgeOutcome[]>;
  /** `address:port` of the listening sockets inside the netns of a bridge. */
  listening(bridge: string): Promise<readonly string[]>;
  /** A connection straight from the root namespace. */
  direct(upstream: Upstream): Promise<ProbeResult>;
  /** Connections from inside the netns of a bridge to its service ports. */
  through(bridge: string, endpoints: readonly Endpoint[]): Promise<readonly ProbeResult[]>;
}

const PATIENCE: Patience = { programMs: 4000, allMs: 25_000 };

/** The real machine. */
export function sceneOf(configFile: string, realRun: Run): Scene {
  const run = runOnce(realRun, PATIENCE);
  const host = thisHost;
  const attachments = attachmentsIn(`${RUN_DIRECTORY}/attachments`, 'look-only');
  const nft = rememberedAbility(run, { file: ABILITY_FILE, mode: 'look-only' });
  const config = once(() => loadConfig(configFile));
  const inTurn = limitConcurrency(PROBES_AT_ONCE);
  const direct = onceEach(
    ({ address, port }: Upstream) =>
      inTurn(() => probe({ address, port, connectMs: CONNECT_MS, silenceMs: SILENCE_MS }, () => [])),
    ({ address, port }) => `${address}:${port}`,
  );
  const through = onceEach(
    async ({ bridge, endpoints }: { bridge: string; endpoints: readonly Endpoint[] }) =>
      probeInside(
        run,
        bridge,
        await Promise.all(
          endpoints.map(async ({ servicePort, upstream }) => ({
            servicePort,
            direct: await direct(upstream),
          })),
        ),
      ),
    ({ bridge }) => bridge,
  );
  const links = once(async () => (await askIp(run, ['address show'])).links);
  const filters = onceEach(async (calls: boolean) => readFilters(run, calls), String);
  return {
    run,
    config,
    nft,
    links,
    ports: onceEach(async (bridge: string) => portsOf(run, await links(), bridge), String),
    filters: async (bridge) => {
      const info = (await links()).find(({ name }) => name === bridge)?.bridge;
      return filters(info?.callsIptables === true || callsIptables());
    },
    tables: once(() => readTables(run)),
    identity: once(() => host.identity()),
    netns: onceEach((bridge: string) => observeNetns(run, host, bridge), String),
    netnsState: (bridge) => host.netnsState(netnsName(bridge)),
    netnsNames: once(() => host.netnsNames()),
    guests: once(async () => {
      const [devices, now, loaded] = await Promise.all([host.deviceNames(), host.now(), attachments.load()]);
      return { ...byLife(loaded.attachments, devices, now), damaged: loaded.damaged };
    }),
    troubles: once(() => new TroubleBook().all()),
    processes: once(processFacts),
    plan: once(async () => {
      const { state, config: wanted } = await config();
      const report = { info: () => undefined, warning: () => undefined, error: () => undefined };
      const seams: DriverDeps = {
        run,
        host,
        attachments,
        addresses: new AddressBook(resolveNames),
        report,
        policing: wanted.policing,
        nft,
        daemons: { sync: refuse, serves: refuse },
        withLock: refuse,
      };
      return planHost(state === 'missing' ? undefined : wanted.services, seams);
    }),
    listening: async (bridge) => {
      const args = [`--net=${netnsPath(netnsName(bridge))}`, '--', 'cat', '/proc/self/net/tcp'];
      const { stdout } = await run('nsenter', args);
      return parseTcpSockets(stdout).flatMap(({ listening, local }) => (listening ? [local] : []));
    },
    direct,
    through: (bridge, endpoints) => through({ bridge, endpoints }),
  };
}

/** Stands for what would change something; a plan never asks for it. */
async function refuse(): Promise<never> {
  throw new TproxyError('doctor must not change anything', { remedy: 'report this as a bug' });
}
