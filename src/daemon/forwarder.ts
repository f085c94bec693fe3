import { chmodSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { FromWorker, ToWorker } from '../dataplane/messages.ts';
import { messageOf } from '../errors.ts';
import { type LogFile, openLogFile } from '../log.ts';
import type { EndpointMaps } from '../model/endpoint.ts';
import type { Settings } from '../model/settings.ts';
import type { RelayList, Stats } from '../model/stats.ts';
import { readEndpointMap, readEndpointMaps } from '../system/nft.ts';
import type { Run } from '../system/run.ts';
import type { User } from '../system/users.ts';
import { VERSION } from '../version.ts';
import type { ControlRequest, SyncReport } from './control.ts';
import { startControlServer } from './control-server.ts';
import { FinishedLog } from './finished-log.ts';
import { HeapSweeper } from './heap-sweeper.ts';
import { sayReady } from './heartbeat.ts';
import { descriptorLimit, limitsOf } from './limits.ts';
import { listenerUser } from './listener-user.ts';
import { Observation } from './observation.ts';
import { CONTROL_SOCKET, forwarderLog, RUN_DIRECTORY, SETTINGS_FILE } from './paths.ts';
import { Planes } from './planes.ts';
import { hostInode, ownProcesses } from './processes.ts';
import { Recovery } from './recovery.ts';
import { logRefusals } from './refusal-log.ts';
import { RelayCounts } from './relay-counts.ts';
import { DRAINING_TITLE } from './roles.ts';
import { ensureRunDirectory } from './run-directory.ts';
import type { BridgeHost } from './served-bridge.ts';
import { ServedBridges } from './served-bridges.ts';
import { parseSettings } from './settings.ts';
import { saveSettings } from './settings-file.ts';
import { AT_ONCE } from './side-by-side.ts';
import { spawnListener, type TakeOver } from './spawn.ts';
import {
  adoptListeners,
  announceSuccession,
  leaveWatch,
  replaceListeners,
  succeedForwarder,
} from './succession.ts';

export interface ForwarderOptions {
  readonly settings: Settings;
  readonly takeOver: TakeOver;
  /** Its watch has started it after another one died. */
  readonly again: boolean;
  readonly run: Run;
}

/**
 * The process in the root namespace. This, its main thread, decides: it reads the endpoint maps, sees that every bridge
 * with endpoints has its listener, and answers commands. Connections are the business of the data-plane thread.
 */
export class Forwarder implements BridgeHost {
  settings: Settings;
  user: User | undefined;
  private readonly run: Run;
  private readonly logFile: LogFile;
  private readonly finished: FinishedLog;
  private readonly recovery: Recovery;
  private readonly observation: Observation;
  private readonly heap = new HeapSweeper();
  private readonly bridges: ServedBridges;
  private readonly counts: RelayCounts;
  private readonly host = hostInode();
  private plane: Planes | undefined;
  /** What the data plane hears when it is there. */
  private readonly unsent: ToWorker[] = [];
  private control: Server | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private onDrained: (() => void) | undefined;

  private constructor(options: ForwarderOptions) {
    this.settings = options.settings;
    this.run = options.run;
    this.logFile = openLogFile(forwarderLog(), options.settings.debugLevel);
    this.bridges = new ServedBridges(this, (bridge) => this.finished.forget(bridge));
    const nameOf = (id: number): string | undefined => this.bridges.nameOf(id);
    this.finished = new FinishedLog(options.settings.debugLevel, nameOf);
    this.counts = new RelayCounts((message) => this.post(message), nameOf);
    this.observation = new Observation(
      {
        log: this.log,
        post: (message) => this.post(message),
        nameOf,
        conditions: () => this.bridges.all.map(({ condition }) => condition),
        isServed: (bridge) => this.bridges.byName.has(bridge),
      },
      options.again,
    );
    this.recovery = new Recovery({
      bridges: () => this.bridges.all,
      bring: (bridge) => this.serialised(() => this.bridges.bringAgain(bridge)),
      recovered: ({ name }) => this.observation.recovered(name),
      log: this.log,
    });
  }

  /** Starts the forwarder; resolves with the report of its first sync, when it serves. */
  static async start(options: ForwarderOptions): Promise<{ forwarder: Forwarder; report: SyncReport }> {
    const forwarder = new Forwarder(options);
    const report = await forwarder.begin(options);
    return { forwarder, report };
  }

  get log(): LogFile['logger'] {
    return this.logFile.logger;
  }

  post(message: ToWorker): void {
    if (this.plane === undefined) this.unsent.push(message);
    else this.plane.post(message);
  }

  spawnListener(bridge: string): ReturnType<typeof spawnListener> {
    return spawnListener({
      bridge,
      host: this.host,
      user: this.user === undefined ? '-' : `${this.user.uid}:${this.user.gid}`,
      logLevel: this.settings.debugLevel,
    });
  }

  lost(): void {
    this.recovery.lost();
  }

  /** Brings everything, or what is of one bridge, to what nft says, with the settings of the last reload. */
  sync(settings: Settings = this.settings, bridge?: string): Promise<SyncReport> {
    return this.serialised(() => this.syncNow(settings, bridge))
      .then((report) => {
        this.observation.reloaded(report, bridge);
        return report;
      })
      .finally(() => this.heap.soon());
  }

  /** Ends listeners and relays and this process's part in the world. */
  async stop(): Promise<void> {
    this.log.info('forwarder stops');
    this.recovery.stop();
    this.observation.stopMetrics();
    this.control?.close();
    this.post({ type: 'cut' });
    await this.bridges.endAll();
    await this.plane?.close();
    rmSync(CONTROL_SOCKET, { force: true });
    rmSync(SETTINGS_FILE, { force: true });
    this.logFile.close();
  }

  private async begin({ takeOver, again }: ForwarderOptions): Promise<SyncReport> {
    ensureRunDirectory();
    chmodSync(RUN_DIRECTORY, 0o711);
    this.log.info({ version: VERSION, workers: this.settings.workers }, 'forwarder starts');
    const plane = this.startPlane();
    plane.catch(() => undefined);
    this.user = await listenerUser(this.run, this.settings.processOwner, this.log);
    const maps = await readEndpointMaps(this.run);
    const running = ownProcesses().filter(({ role }) => role === 'forwarder' || role === 'listener');
    // Where others serve, nothing is taken from them before this process can.
    if (running.length > 0) await plane;
    const isDeaf = running.length > 0 && !(await announceSuccession(this.log));
    // Sockets first: from here on listeners that look for a forwarder find this one.
    this.bridges.welcome(maps);
    // Listeners that run will have nobody else: should this process die it must be brought back.
    if (running.some(({ role }) => role === 'listener')) sayReady();
    // On a fresh start they come up beside the data plane.
    if (running.length === 0) for (const bridge of this.bridges.all.slice(0, AT_ONCE)) bridge.prepare();
    await plane.catch((error: unknown) => {
      for (const bridge of this.bridges.all) bridge.abandon();
      throw error;
    });
    const tookOver = await succeedForwarder(this.log, again, isDeaf);
    this.control = await startControlServer((request) => this.answer(request));
    await adoptListeners(this.bridges.byName);
    if (takeOver === 'replace') await replaceListeners(this.bridges.byName, this.log);
    const report = await this.sync();
    this.recovery.start();
    this.log.info({ bridges: this.bridges.all.length, took_over: tookOver }, 'forwarder ready');
    return report;
  }

  private async startPlane(): Promise<void> {
    const data = { limits: limitsOf(this.settings), descriptorLimit: descriptorLimit() };
    const plane = await Planes.start(this.settings.workers, data);
    plane.on('message', (message) => this.onMessage(message));
    plane.on('died', (error) => {
      this.log.fatal({ err: error }, 'data plane died, forwarder ends');
      process.exit(1);
    });
    this.plane = plane;
    for (const message of this.unsent.splice(0)) plane.post(message);
  }

  private async syncNow(settings: Settings, only?: string): Promise<SyncReport> {
    this.applySettings(settings);
    await this.observation.serveMetrics(settings.metricsListen);
    const warnings = [...this.observation.warnings, ...this.overdue()];
    let wanted: EndpointMaps;
    try {
      wanted = await (only === undefined ? readEndpointMaps(this.run) : readEndpointMap(this.run, only));
    } catch (error) {
      this.log.error({ err: error }, 'endpoints unreadable, nothing changed');
      return { ok: false, error: messageOf(error), bridges: [] };
    }
    // The last one: whoever asks will stop this process too, unless nft has endpoints that nobody told us of.
    if (only !== undefined && this.bridges.wouldBeNone(wanted, only))
      return { ok: true, bridges: [], served: 0 };
    const bridges = await this.bridges.become(wanted, only);
    const ok = bridges.every(({ error }) => error === undefined);
    return { ok, bridges, served: this.bridges.all.length, warnings };
  }

  /** What the settings ask for and only a restart brings. */
  private overdue(): string[] {
    const running = this.plane?.count ?? this.settings.workers;
    if (running === this.settings.workers) return [];
    return [`tproxy_workers is ${this.settings.workers} and ${running} run: tproxy restart`];
  }

  private onMessage(message: FromWorker): void {
    switch (message.type) {
      case 'hello':
      case 'listening':
      case 'pong':
      case 'gone':
        this.bridges.onMessage(message);
        break;
      case 'records':
        this.observation.onMessage(message);
        this.finished.write(message.records);
        break;
      case 'refused':
        this.observation.onMessage(message);
        logRefusals(this.log, message.refusals, (id) => this.bridges.nameOf(id));
        break;
      case 'counted':
        this.counts.onCounted(message);
        break;
      case 'listed':
      case 'summed':
        this.observation.onMessage(message);
        break;
      case 'drained':
        this.onDrained?.();
        break;
      default:
        message satisfies never;
    }
  }

  private async answer(request: ControlRequest): Promise<SyncReport | Stats | RelayList> {
    switch (request.op) {
      case 'sync':
        return this.sync(request.settings, request.bridge);
      case 'serves':
        return { ok: this.serves(request), bridges: [] };
      case 'prepare':
        return this.serialised(async () => ({ ok: true, bridges: await this.bridges.heal() }));
      case 'yield':
        return this.serialised(() => this.yieldToSuccessor());
      case 'count':
        return this.counts.ask();
      case 'stats':
        return this.observation.stats(request.byGuest);
      case 'relays':
        return this.observation.relays();
      default:
        return {
          ok: false,
          error: 'unknown request; the running forwarder is of another version: tproxy restart',
          bridges: [],
        };
    }
  }

  /** True when a sync would do nothing, were it asked for one. */
  private serves({ bridge, endpoints, settings }: Extract<ControlRequest, { op: 'serves' }>): boolean {
    const asThey = isDeepStrictEqual(parseSettings(settings), parseSettings(this.settings));
    return asThey && this.bridges.byName.get(bridge)?.serves(endpoints) === true;
  }

  /** Resolves only while the data plane is alive. */
  countRelays(): Promise<SyncReport> {
    return this.counts.ask();
  }

  /** Leaves listeners to a successor, finishes the living relays, and ends. */
  private async yieldToSuccessor(): Promise<SyncReport> {
    this.recovery.stop();
    this.observation.stopMetrics();
    this.control?.close();
    this.bridges.release();
    process.title = DRAINING_TITLE;
    leaveWatch();
    setImmediate(() => void this.drain());
    return { ok: true, bridges: [] };
  }

  private async drain(): Promise<void> {
    const limitMs = this.settings.drainTimeoutS * 1000;
    this.log.info({ drain_timeout_s: this.settings.drainTimeoutS }, 'forwarder drains');
    await new Promise<void>((resolve) => {
      this.onDrained = resolve;
      setTimeout(resolve, limitMs);
      this.post({ type: 'drain' });
    });
    this.post({ type: 'cut' });
    await this.plane?.close();
    this.log.info('forwarder drained, it ends');
    this.logFile.close();
    process.exit(0);
  }

  private applySettings(settings: Settings): void {
    this.settings = settings;
    try {
      saveSettings(settings);
    } catch (error) {
      this.log.warn({ err: error }, 'settings can not be kept for a restart after a crash');
    }
    this.logFile.setLevel(settings.debugLevel);
    this.finished.setLevel(settings.debugLevel);
    this.post({ type: 'limits', limits: limitsOf(settings) });
  }

  /** Syncs, recoveries and the hand-over happen one after the other. */
  private serialised<T>(task: () => Promise<T>): Promise<T> {
    const result = this.queue.then(task, task);
    this.queue = result.catch(() => undefined);
    return result;
  }
}
