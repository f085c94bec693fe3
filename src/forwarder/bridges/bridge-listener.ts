import type { Listening } from '../../dataplane/listeners/handover.ts';
import type { FromDataPlane, SessionId } from '../../dataplane/messages.ts';
import { TproxyError } from '../../errors.ts';
import { netnsName } from '../../model/names.ts';
import { listenerLog } from '../../process/paths.ts';
import { endProcesses, hostInode, ownProcess } from '../../process/processes.ts';
import type { BridgeOwner } from './bridge-owner.ts';
import { Expectation } from './expectation.ts';
import { type Hello, lookAt } from './identify-listener.ts';
import { ListenerLaunch } from './listener-launch.ts';
import { ListenerPulse } from './listener-pulse.ts';

/** From starting a listener to its ports being open. */
const TIMEOUT_MS = 5000;
const EXIT_GRACE_MS = 1000;

interface Present {
  readonly session: SessionId;
  readonly pid: number;
  /** Inode of the netns it lives in. */
  readonly netns: number;
  readonly pulse: ListenerPulse;
  /** It was told its ports, and has opened them. */
  serving: boolean;
}

/**
 * The listener of a bridge as the forwarder's main thread sees it: the process, and the ports that it has open.
 *
 * The data plane accepts on the listener's sockets. When a listener dies or is replaced its successor gets them, and guests
 * notice nothing.
 */
export class BridgeListener {
  openPorts: ReadonlySet<number> = new Set();
  failures: Listening['failures'] = [];
  private readonly owner: BridgeOwner;
  private readonly bridge: string;
  private readonly bridgeId: number;
  private readonly launch: ListenerLaunch;
  /** The next thing that it does, or fails to do. */
  private readonly next = new Expectation();
  private present: Present | undefined;
  /** Inode of the netns that the data plane's sockets are of. */
  private socketsOf: number | undefined;
  private released = false;

  constructor(owner: BridgeOwner, bridge: string, bridgeId: number) {
    this.owner = owner;
    this.bridge = bridge;
    this.bridgeId = bridgeId;
    this.launch = new ListenerLaunch(
      bridge,
      () => owner.spawnListener(bridge),
      (error) => this.next.failed(error),
    );
  }

  /** Of the listener that has introduced itself. */
  get pid(): number | undefined {
    return this.present?.pid;
  }

  /** Of a listener that is on its way. */
  get preparedPid(): number | undefined {
    return this.launch.pid;
  }

  get servingPid(): number | undefined {
    return this.present?.serving ? this.present.pid : undefined;
  }

  /** It serves, in the netns with this inode. */
  servesIn(netns: number | undefined): boolean {
    return this.present?.serving === true && this.present.netns === netns;
  }

  /** Starts the process before anybody waits for it. */
  prepare(): void {
    try {
      this.launch.begin();
    } catch {
      // Whoever waits for it tries again, and hears why.
    }
  }

  /** Has exactly these ports open in the netns with this inode. Rejects when it can't. */
  async bring(ports: readonly number[], netns: number): Promise<void> {
    this.belongTo(netns);
    if (this.present !== undefined && this.present.netns !== netns) await this.dismiss();
    await this.configure(ports).catch((error: unknown) => this.giveUp(error));
    if (this.present === undefined) await this.start(ports);
    this.demandPorts();
  }

  /** Has a fresh process take the place of the present one; the sockets serve on. */
  async replace(ports: readonly number[]): Promise<void> {
    if (this.present === undefined) return;
    await this.configure(ports).catch((error: unknown) => this.giveUp(error));
    await this.dismiss();
    await this.start(ports);
    this.demandPorts();
  }

  /** Ends the process, also one that is only on its way. */
  async end(): Promise<void> {
    this.launch.abandon();
    this.release();
    this.next.failed(this.noLongerServed());
    await this.dismiss();
  }

  /**
   * Leaves it to a successor: its end is nobody's loss from now on. One that is on its way introduces itself to that one, which
   * has put its socket there: it must be neither waited for here, nor killed because it does not come.
   */
  release(): void {
    this.released = true;
    if (this.launch.letGo()) this.next.failed(this.noLongerServed());
  }

  async onHello(hello: Hello): Promise<void> {
    const { pid, session } = hello;
    const found = lookAt(hello, this.bridge, this.pid);
    if ('refused' in found) {
      const { refused: reason } = found;
      this.owner.log.warn({ bridge: this.bridge, listener_pid: pid, reason }, 'listener refused');
      this.owner.post({ type: 'drop', session });
      if (found.surplus !== undefined) await endProcesses([found.surplus], 'SIGTERM', EXIT_GRACE_MS);
      return;
    }
    this.belongTo(found.netns);
    // It has connected again, and is to be heard once.
    if (this.present !== undefined) this.owner.post({ type: 'drop', session: this.present.session });
    this.present = { session, pid, netns: found.netns, pulse: new ListenerPulse(), serving: false };
    // One of an earlier forwarder was told of by that one.
    if (this.launch.arrived(pid)) {
      this.owner.log.info({ bridge: this.bridge, listener_pid: pid }, 'listener started');
    }
    this.next.met();
  }

  onListening({ session, body }: Extract<FromDataPlane, { type: 'listening' }>): void {
    if (this.present?.session !== session) return;
    this.present.serving = true;
    this.openPorts = new Set(body.ports);
    this.failures = body.failures;
    this.next.met();
  }

  onPong(session: SessionId): void {
    if (this.present?.session === session) this.present.pulse.answered();
  }

  onGone(session: SessionId, reason: string): void {
    if (this.present?.session !== session) return;
    const { pid } = this.present;
    this.present = undefined;
    this.openPorts = new Set();
    if (this.released) return;
    this.owner.log.warn({ bridge: this.bridge, listener_pid: pid, reason }, 'listener lost');
    this.next.failed(new TproxyError(`bridge ${this.bridge}: lost its listener (${reason})`));
    this.owner.lost();
  }

  /** Kills a listener that has not answered for too long; its successor gets its sockets. */
  async checkPulse(now: number): Promise<void> {
    if (!this.present?.serving) return;
    const { pid, session, pulse } = this.present;
    const due = pulse.check(now);
    if (due === 'ask') this.owner.post({ type: 'ping', session });
    if (due !== 'silent') return;
    this.owner.log.error({ bridge: this.bridge, listener_pid: pid }, 'listener does not respond, killing it');
    const process = ownProcess(pid, hostInode());
    if (process !== undefined) await endProcesses([process], 'SIGKILL', 0);
  }

  private async start(ports: readonly number[]): Promise<void> {
    if (this.released) throw this.noLongerServed();
    this.launch.begin();
    try {
      await this.wait('did not start', `read ${listenerLog(this.bridge)}`);
    } catch (error) {
      this.launch.abandon();
      throw error;
    }
    await this.configure(ports);
  }

  private async configure(ports: readonly number[]): Promise<void> {
    if (this.present === undefined) return;
    const { session, netns } = this.present;
    const body = { ports, logLevel: this.owner.settings.debugLevel };
    this.owner.post({ type: 'configure', session, body, netns });
    await this.wait('does not answer');
  }

  /** Ends a listener that died or hangs while it was told something: its successor will do it. */
  private async giveUp(error: unknown): Promise<void> {
    this.owner.log.warn({ bridge: this.bridge, err: error }, 'listener did not apply its configuration');
    await this.dismiss();
  }

  private async dismiss(): Promise<void> {
    if (this.present === undefined) return;
    const { session, pid } = this.present;
    this.present = undefined;
    this.owner.post({ type: 'exit', session });
    const process = ownProcess(pid, hostInode());
    if (process !== undefined) await endProcesses([process], 'SIGTERM', EXIT_GRACE_MS);
    this.owner.post({ type: 'drop', session });
    this.owner.log.info({ bridge: this.bridge, listener_pid: pid }, 'listener ended');
  }

  /** Sockets of another netns than this (an inode) are of no use any more. */
  private belongTo(netns: number): void {
    if (this.socketsOf !== undefined && this.socketsOf !== netns) {
      this.owner.post({ type: 'forget-sockets', bridgeId: this.bridgeId });
    }
    this.socketsOf = netns;
  }

  private demandPorts(): void {
    const [failure] = this.failures;
    if (failure === undefined) return;
    throw new TproxyError(
      `bridge ${this.bridge}: service port ${failure.port} can't be opened: ${failure.reason}`,
      {
        remedy: failure.reason.includes('EMFILE')
          ? 'raise the limit of open files (ulimit -n) where tproxy is started, or configure fewer services; then run tproxy restart'
          : `find out which program has it: ip netns exec ${netnsName(this.bridge)} ss -ltnp`,
      },
    );
  }

  private noLongerServed(): TproxyError {
    return new TproxyError(`bridge ${this.bridge}: no longer served`);
  }

  /** Waits for the listener's next step; its steps are asked for one after the other. */
  private wait(trouble: string, remedy?: string): Promise<void> {
    const what = `bridge ${this.bridge}: its listener ${trouble}`;
    return this.next.wait(TIMEOUT_MS, remedy === undefined ? { what } : { what, remedy });
  }
}
