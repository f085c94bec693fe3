import { rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { Serial } from '../concurrency.ts';
import type { BridgeReport, Failed, SyncReport } from '../control/report.ts';
import { startControlServer } from '../control/server.ts';
import type { FromDataPlane, ToDataPlane } from '../dataplane/messages.ts';
import { TproxyError, troubleOf } from '../errors.ts';
import { type LogFile, openLogFile } from '../log.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Settings } from '../model/settings.ts';
import { CONTROL_SOCKET, forwarderLog, SETTINGS_FILE } from '../process/paths.ts';
import { hostInode } from '../process/processes.ts';
import { DRAINING_TITLE } from '../process/roles.ts';
import { hasAttachmentRecords } from '../process/run-directory.ts';
import { saveSettings } from '../process/settings-file.ts';
import type { Run } from '../system/run.ts';
import type { User } from '../system/users.ts';
import { withTimeLimit } from '../time-limit.ts';
import { Observation } from './books/observation.ts';
import type { BridgeOwner } from './bridges/bridge-owner.ts';
import { listenerUser } from './bridges/listener-user.ts';
import { Recovery } from './bridges/recovery.ts';
import { ServedBridges } from './bridges/served-bridges.ts';
import { spawnListener } from './bridges/spawn-listener.ts';
import { dataPlaneSettings } from './data-plane-settings.ts';
import { DataPlanes } from './data-planes.ts';
import { descriptorLimit } from './descriptors.ts';
import { HeapSweeper } from './heap-sweeper.ts';
import { type Asked, handlersOf } from './requests.ts';
import { leaveWatch } from './succession.ts';
import { syncWithNft } from './sync-with-nft.ts';

export interface ForwarderOptions {
  readonly settings: Settings;
  /** Its watch has started it after another one died. */
  readonly again: boolean;
  readonly run: Run;
}

/** What it is made of. */
interface Parts {
  readonly logFile: LogFile;
  readonly dataPlane: DataPlanes;
  readonly user: User | undefined;
}

/**
 * The process in the root namespace. This, its main thread, decides: it reads the endpoint maps, sees that every bridge
 * with endpoints has its listener, and answers commands. Connections are the business of the data-plane thread.
 */
export class Forwarder implements BridgeOwner, Asked {
  settings: Settings;
  /** Listeners run as this user; undefined: as root without capabilities. */
  readonly user: User | undefined;
  readonly dataPlane: DataPlanes;
  readonly bridges: ServedBridges;
  readonly observation: Observation;
  private readonly run: Run;
  private readonly logFile: LogFile;
  private readonly recovery: Recovery;
  private readonly heap = new HeapSweeper();
  private readonly host = hostInode();
  /** Syncs, recoveries and the hand-over happen one after the other. */
  private readonly serial = new Serial();
  private control: Server | undefined;
  private hasYielded = false;
  private onDrained: (() => void) | undefined;

  /** Its data plane comes up meanwhile: wait for `dataPlane.ready`. */
  static async create(options: ForwarderOptions): Promise<Forwarder> {
    const { settings, run } = options;
    const logFile = openLogFile(forwarderLog(), settings.debugLevel);
    const data = { settings: dataPlaneSettings(settings), descriptorLimit: descriptorLimit() };
    const dataPlane = DataPlanes.start(settings.workers, data);
    try {
      const user = await listenerUser(run, settings.processOwner, logFile.logger);
      return new Forwarder(options, { logFile, dataPlane, user });
    } catch (error) {
      // A thread that waits for events would keep the process from ending.
      await dataPlane.close();
      logFile.close();
      throw error;
    }
  }

  private constructor({ settings, run, again }: ForwarderOptions, { logFile, dataPlane, user }: Parts) {
    this.settings = settings;
    this.run = run;
    this.logFile = logFile;
    this.dataPlane = dataPlane;
    this.user = user;
    this.dataPlane.on('message', (message) => this.onMessage(message));
    this.dataPlane.on('died', (error) => {
      this.log.fatal({ err: error }, 'data plane died, forwarder ends');
      process.exit(1);
    });
    this.bridges = new ServedBridges(this);
    const observed = {
      log: this.log,
      post: (message: ToDataPlane) => this.post(message),
      nameOf: (id: number) => this.bridges.nameOf(id),
      conditions: () => this.bridges.all.map(({ condition }) => condition),
      isServed: (bridge: string) => this.bridges.byName.has(bridge),
    };
    this.observation = new Observation(observed, settings.debugLevel, again);
    this.recovery = new Recovery({
      bridges: () => this.bridges.all,
      bring: (bridge) => this.serial.run(() => this.bridges.bringAgain(bridge)),
      recovered: ({ name }) => this.observation.recovered(name),
      log: this.log,
    });
  }

  get log(): LogFile['logger'] {
    return this.logFile.logger;
  }

  post(message: ToDataPlane): void {
    this.dataPlane.post(message);
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

  /** Hears requests from now on, which wait until `first` and the first sync are done; resolves with how that went. */
  async serve(first: () => Promise<void>): Promise<SyncReport | Failed> {
    const report = await this.serial.run(async () => {
      this.control = await startControlServer(handlersOf(this));
      await first();
      // It stays when that fails: others rely on it by now, and the next sync may do better.
      const synced = await this.syncNow(this.settings).catch((error) => ({ failed: troubleOf(error) }));
      this.recovery.start();
      return synced;
    });
    this.heap.soon();
    return report;
  }

  /** Brings everything, or what is of one bridge, to what nft says, with the settings of the last reload. */
  sync(settings: Settings = this.settings, bridge?: string): Promise<SyncReport> {
    return this.serial.run(() => this.syncNow(settings, bridge)).finally(() => this.heap.soon());
  }

  serves(bridge: string, endpoints: readonly Endpoint[]): boolean {
    return this.bridges.byName.get(bridge)?.serves(endpoints) === true;
  }

  heal(): Promise<readonly BridgeReport[]> {
    return this.serial.run(() => this.bridges.heal());
  }

  /** Leaves listeners to a successor, finishes the living relays, and ends. */
  yieldToSuccessor(): Promise<void> {
    // Before its turn: what comes earlier may wait for listeners, which look for the successor by now.
    this.bridges.leaveListeners();
    return this.serial.run(async () => {
      if (this.hasYielded) return;
      this.hasYielded = true;
      this.recovery.stop();
      this.observation.stopMetrics();
      this.control?.close();
      this.bridges.release();
      process.title = DRAINING_TITLE;
      leaveWatch();
      setImmediate(() => void this.drain());
    });
  }

  /** Ends what a start that failed has begun. */
  async giveUp({ keepListeners }: { readonly keepListeners: boolean }): Promise<void> {
    this.observation.stopMetrics();
    this.control?.close();
    if (keepListeners) this.bridges.release();
    else await this.bridges.endAll();
    // A thread that waits for events would keep the process from ending.
    await this.dataPlane.close();
    this.logFile.close();
  }

  /** Ends listeners and relays and this process's part in the world. */
  async stop(): Promise<void> {
    this.log.info('forwarder stops');
    this.recovery.stop();
    this.observation.stopMetrics();
    this.control?.close();
    this.post({ type: 'cut' });
    await this.bridges.endAll();
    await this.dataPlane.close();
    // What lies there by now may be a successor's.
    if (!this.hasYielded) {
      rmSync(CONTROL_SOCKET, { force: true });
      rmSync(SETTINGS_FILE, { force: true });
    }
    this.logFile.close();
  }

  private async syncNow(settings: Settings, only?: string): Promise<SyncReport> {
    if (this.hasYielded) {
      throw new TproxyError('this forwarder has handed over to another one', {
        remedy: 'run the command again',
      });
    }
    this.applySettings(settings);
    await this.observation.serveMetrics(settings.metricsListen);
    try {
      const synced = await syncWithNft(this.bridges, this.run, this.log, only);
      // Recorded guests and no endpoint at all: nft was flushed, and serving nobody is no success.
      const lost = only === undefined && synced.served === 0 && hasAttachmentRecords();
      this.observation.reloaded(lost ? undefined : synced.bridges, only);
      return { ...synced, warnings: [...this.observation.warnings, ...this.overdue()] };
    } catch (error) {
      this.observation.reloaded(undefined, only);
      throw error;
    }
  }

  /** What the settings ask for and only a restart brings. */
  private overdue(): string[] {
    const { workers } = this.settings;
    const running = this.dataPlane.count;
    if (running === workers) return [];
    const run = running === 1 ? '1 thread is' : `${running} threads are`;
    return [`tproxy_workers is ${workers}, but ${run} running; run \`tproxy restart\``];
  }

  private applySettings(settings: Settings): void {
    this.settings = settings;
    try {
      saveSettings(settings);
    } catch (error) {
      this.log.warn({ err: error }, 'cannot save settings for a restart after a crash');
    }
    this.logFile.setLevel(settings.debugLevel);
    this.observation.setLevel(settings.debugLevel);
    this.post({ type: 'settings', settings: dataPlaneSettings(settings) });
  }

  private onMessage(message: FromDataPlane): void {
    switch (message.type) {
      case 'hello':
      case 'listening':
      case 'pong':
      case 'gone':
        this.bridges.onMessage(message);
        break;
      case 'forgotten': {
        const gone = this.bridges.forget(message.bridgeId);
        if (gone !== undefined) this.observation.forget(gone);
        break;
      }
      case 'drained':
        this.onDrained?.();
        break;
      default:
        this.observation.onMessage(message);
    }
  }

  private async drain(): Promise<void> {
    const limitMs = this.settings.drainTimeoutS * 1000;
    this.log.info({ drain_timeout_s: this.settings.drainTimeoutS }, 'forwarder drains');
    const drained = new Promise<void>((resolve) => {
      this.onDrained = resolve;
      this.post({ type: 'drain' });
    });
    await withTimeLimit(drained, limitMs, () => undefined);
    this.post({ type: 'cut' });
    await this.dataPlane.close();
    this.log.info('forwarder drained, exiting');
    this.logFile.close();
    process.exit(0);
  }
}
