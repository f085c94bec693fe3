import type { ChildProcess } from 'node:child_process';
import type { Listening } from '../dataplane/handover.ts';
import type { FromWorker, LinkId, Route, ToWorker } from '../dataplane/messages.ts';
import { TproxyError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Endpoint, sameEndpoints } from '../model/endpoint.ts';
import { parseOptions } from '../model/endpoint-options.ts';
import { parseIpv4 } from '../model/ipv4.ts';
import { netnsName } from '../model/names.ts';
import type { Settings } from '../model/settings.ts';
import { openBridgeSocket } from './bridge-socket.ts';
import { Expectation } from './expectation.ts';
import { listenerLog, netnsPath } from './paths.ts';
import { endProcesses, hostInode, namespaceInode, ownProcess } from './processes.ts';
import type { BridgeCondition } from './stats.ts';

/** From starting a listener to its ports being open. */
const LISTENER_TIMEOUT_MS = 5000;
const EXIT_GRACE_MS = 1000;
/** A listener answers within microseconds; one that needs this long is hung. */
const SILENCE_MS = 5000;

/** What a bridge needs of the forwarder. */
export interface BridgeHost {
  readonly log: Logger;
  readonly settings: Settings;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  post(message: ToWorker): void;
  spawnListener(bridge: string): ChildProcess;
  /** The listener died though it should run. */
  lost(): void;
}

type Hello = Extract<FromWorker, { type: 'hello' }>;

interface Listener {
  readonly link: LinkId;
  readonly pid: number;
  /** Inode of the netns it lives in. */
  readonly netns: number;
  /** It was told its ports, and takes connections. */
  serving: boolean;
  /** Since when a ping is unanswered (ms, monotonic). */
  silentSince: number | undefined;
}

/**
 * One bridge as the forwarder's main thread sees it: its unix socket, its listener, the ports that the listener has open.
 *
 * The data plane accepts on the listener's sockets. When a listener dies or is replaced its successor gets them, and guests
 * notice nothing.
 */
export class ServedBridge {
  readonly name: string;
  readonly id: number;
  endpoints: readonly Endpoint[] = [];
  private readonly host: BridgeHost;
  private listener: Listener | undefined;
  private open: ReadonlySet<number> = new Set();
  /** Inode of the netns that the data plane's sockets are of. */
  private socketsOf: number | undefined;
  private failures: Listening['failures'] = [];
  private readonly next = new Expectation();
  private ended = false;
  /** A listener that was started and has not introduced itself yet. */
  private prepared: ChildProcess | undefined;

  constructor(host: BridgeHost, name: string, id: number) {
    this.host = host;
    this.name = name;
    this.id = id;
    host.post({
      type: 'serve',
      bridge: name,
      bridgeId: id,
      fd: openBridgeSocket(name, host.user),
    });
  }

  get listenerPid(): number | undefined {
    return this.listener?.pid;
  }

  get condition(): BridgeCondition {
    const { name, endpoints, listener, open: openPorts, failures } = this;
    return {
      name,
      endpoints,
      servingPid: listener?.serving === true ? listener.pid : undefined,
      openPorts,
      failures,
    };
  }

  /** Of a listener that is on its way. */
  get preparedPid(): number | undefined {
    return this.prepared?.pid;
  }

  /** False when the netns of the bridge is gone, is another one by now, or has no listener. */
  get isHealthy(): boolean {
    return this.listener?.serving === true && this.listener.netns === this.netnsInode();
  }

  /** The ports of the endpoints, and no others, are open. */
  private get hasThePorts(): boolean {
    if (this.failures.length > 0) return false;
    return (
      this.open.size === this.endpoints.length &&
      this.endpoints.every(({ servicePort }) => this.open.has(servicePort))
    );
  }

  /** It is so already that guests are led to `endpoints`. */
  serves(endpoints: readonly Endpoint[]): boolean {
    return sameEndpoints(this.endpoints, endpoints) && this.isHealthy && this.hasThePorts;
  }

  /** Routes to `endpoints` and a listener with exactly their ports. Resolves when the ports accept. */
  async bring(endpoints: readonly Endpoint[]): Promise<void> {
    const netns = this.netnsInode();
    if (netns === undefined) {
      throw new TproxyError(
        `bridge ${this.name}: network namespace ${netnsName(this.name)} is missing; deploy a VM on the bridge, or delete map ep_${this.name} from nft if the bridge is gone`,
      );
    }
    if (this.serves(endpoints)) return;
    this.route(endpoints);
    this.belongTo(netns);
    if (this.listener !== undefined && this.listener.netns !== netns) await this.endListener();
    if (this.listener !== undefined) await this.configure().catch((error: unknown) => this.giveUp(error));
    if (this.listener === undefined) {
      await this.startListener();
      await this.configure();
    }
    this.demandPorts();
  }

  /** Sends connections that come from now on to `endpoints`; ports are not opened or closed by this. */
  route(endpoints: readonly Endpoint[]): void {
    this.endpoints = endpoints;
    this.host.post({ type: 'routes', bridgeId: this.id, routes: endpoints.map(routeOf) });
  }

  /** Takes the place of the forwarder that a listener of this bridge talked to before. */
  async onHello(hello: Hello): Promise<void> {
    const refuse = (why: string): void => {
      this.host.log.warn({ bridge: this.name, listener_pid: hello.pid, reason: why }, 'listener refused');
      this.host.post({ type: 'drop', link: hello.link });
    };
    const process = ownProcess(hello.pid, hostInode());
    const netns = namespaceInode(`/proc/${hello.pid}/ns/net`);
    if (hello.body.bridge !== this.name || process?.bridge !== this.name || netns === undefined) {
      refuse('not the listener of this bridge');
      return;
    }
    if (netns !== this.netnsInode()) {
      refuse('its netns is no longer that of the bridge');
      await endProcesses([process], 'SIGTERM', EXIT_GRACE_MS);
      return;
    }
    if (this.listener !== undefined && this.listener.pid !== hello.pid) {
      refuse(`process ${this.listener.pid} is the listener already`);
      await endProcesses([process], 'SIGTERM', EXIT_GRACE_MS);
      return;
    }
    this.belongTo(netns);
    if (this.prepared !== undefined) {
      this.prepared = undefined;
      this.host.log.info({ bridge: this.name, listener_pid: hello.pid }, 'listener started');
    }
    this.listener = { link: hello.link, pid: hello.pid, netns, serving: false, silentSince: undefined };
    this.next.met();
  }

  onListening(message: Extract<FromWorker, { type: 'listening' }>): void {
    if (message.link !== this.listener?.link) return;
    this.listener.serving = true;
    this.open = new Set(message.body.ports);
    this.failures = message.body.failures;
    this.next.met();
  }

  onPong(link: LinkId): void {
    if (link === this.listener?.link) this.listener.silentSince = undefined;
  }

  /** Kills a listener that has not answered for too long; its successor gets its sockets. */
  async checkPulse(now: number): Promise<void> {
    const { listener } = this;
    if (!listener?.serving) return;
    if (listener.silentSince === undefined) {
      listener.silentSince = now;
      this.host.post({ type: 'ping', link: listener.link });
      return;
    }
    if (now - listener.silentSince < SILENCE_MS) return;
    this.host.log.error(
      { bridge: this.name, listener_pid: listener.pid },
      'listener is silent, it is killed',
    );
    const process = ownProcess(listener.pid, hostInode());
    if (process !== undefined) await endProcesses([process], 'SIGKILL', 0);
  }

  onGone(link: LinkId, reason: string): void {
    if (link !== this.listener?.link) return;
    const { pid } = this.listener;
    this.listener = undefined;
    this.open = new Set();
    if (this.ended) return;
    this.host.log.warn({ bridge: this.name, listener_pid: pid, reason }, 'listener lost');
    this.next.failed(new TproxyError(`bridge ${this.name}: its listener went away (${reason})`));
    this.host.lost();
  }

  /** Has a fresh process take the place of the listener; its sockets serve on. */
  async replaceListener(): Promise<void> {
    if (this.listener === undefined) return;
    await this.configure().catch((error: unknown) => this.giveUp(error));
    await this.endListener();
    await this.startListener();
    await this.configure();
    this.demandPorts();
  }

  /** Ends the listener and closes the bridge's sockets; living relays go on. */
  async end(): Promise<void> {
    this.ended = true;
    await this.endListener();
    this.release();
  }

  /** Leaves the listener to a successor. */
  release(): void {
    this.ended = true;
    this.host.post({ type: 'withdraw', bridgeId: this.id });
  }

  /** Sockets of another netns than this (an inode) are of no use any more. */
  private belongTo(netns: number): void {
    if (this.socketsOf !== undefined && this.socketsOf !== netns) {
      this.host.post({ type: 'forget-sockets', bridgeId: this.id });
    }
    this.socketsOf = netns;
  }

  private netnsInode(): number | undefined {
    return namespaceInode(netnsPath(netnsName(this.name)));
  }

  /** Starts the listener before anybody waits for it. */
  prepare(): void {
    const child = this.host.spawnListener(this.name);
    this.prepared = child;
    const forget = (): void => {
      if (this.prepared === child) this.prepared = undefined;
    };
    child.once('exit', forget);
    child.once('error', forget);
  }

  /** Ends what was prepared. */
  abandon(): void {
    this.prepared?.kill('SIGKILL');
  }

  private async startListener(): Promise<void> {
    const child = this.prepared ?? this.host.spawnListener(this.name);
    this.prepared = undefined;
    let status = '';
    const onExit = (code: number | null, signal: string | null): void => {
      status = signal ?? `status ${code}`;
      this.next.failed(
        new TproxyError(
          `bridge ${this.name}: its listener ended at once (${status}); ${listenerLog(this.name)} says why`,
        ),
      );
    };
    child.once('exit', onExit);
    // Out of descriptors, processes or memory. Heard by nobody it would end the forwarder, with all its relays.
    child.on('error', (error) => {
      this.next.failed(
        new TproxyError(`bridge ${this.name}: its listener can't be started (${error.message})`),
      );
    });
    try {
      await this.wait(`did not come up; ${listenerLog(this.name)} may say why`);
    } catch (error) {
      if (status === '') child.kill('SIGKILL');
      throw error;
    } finally {
      child.off('exit', onExit);
    }
    this.host.log.info({ bridge: this.name, listener_pid: child.pid }, 'listener started');
  }

  private async endListener(): Promise<void> {
    const { listener } = this;
    if (listener === undefined) return;
    this.listener = undefined;
    this.host.post({ type: 'exit', link: listener.link });
    const process = ownProcess(listener.pid, hostInode());
    if (process !== undefined) await endProcesses([process], 'SIGTERM', EXIT_GRACE_MS);
    this.host.post({ type: 'drop', link: listener.link });
    this.host.log.info({ bridge: this.name, listener_pid: listener.pid }, 'listener ended');
  }

  private async configure(): Promise<void> {
    if (this.listener === undefined) return;
    const ports = this.endpoints.map(({ servicePort }) => servicePort);
    this.host.post({
      type: 'configure',
      link: this.listener.link,
      body: {
        ports,
        logLevel: this.host.settings.debugLevel,
      },
      netns: this.listener.netns,
    });
    await this.wait('does not answer');
  }

  /** Ends a listener that died or hangs while it was told something: its successor will do it. */
  private async giveUp(error: unknown): Promise<void> {
    this.host.log.warn({ bridge: this.name, err: error }, 'listener did not do what it was told');
    await this.endListener();
  }

  private demandPorts(): void {
    const [failure] = this.failures;
    if (failure === undefined) return;
    throw new TproxyError(
      `bridge ${this.name}: service port ${failure.port} can't be opened: ${failure.reason}; see who has it: ip netns exec ${netnsName(this.name)} ss -ltnp`,
    );
  }

  /** Waits for the listener's next step; its steps are asked for one after the other. */
  private wait(trouble: string): Promise<void> {
    return this.next.wait(LISTENER_TIMEOUT_MS, `bridge ${this.name}: its listener ${trouble}`);
  }
}

function routeOf({ servicePort, upstream, comment }: Endpoint): Route {
  const { proxyProtocol, guestConnections, guestRate } = parseOptions(comment);
  return {
    servicePort,
    ip: parseIpv4(upstream.address),
    port: upstream.port,
    proxyV2: proxyProtocol === 'v2',
    guestConnections,
    guestRate,
  };
}
