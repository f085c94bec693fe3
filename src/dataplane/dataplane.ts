import { close } from '../linux/descriptor.ts';
import { Errno } from '../linux/errno.ts';
import { closeWithReset, setNoDelay, tcpConnect, tcpSocket } from '../linux/socket.ts';
import type { Bridge } from './bridge.ts';
import { Deadlines } from './deadlines.ts';
import type { Arrival } from './handover.ts';
import type { LinkHost } from './link.ts';
import { Links } from './links.ts';
import type { FromWorker, Limits, ToWorker, WorkerData } from './messages.ts';
import { connectOutcome, type Outcome } from './outcome.ts';
import type { Reactor } from './reactor.ts';
import { RecordBatch } from './records.ts';
import { type Parties, Relay, type RelayHost } from './relay.ts';

/** Kept free for pipes of bulk transfers and everything that is neither a relay nor a bridge's. */
const DESCRIPTOR_RESERVE = 1024;
const DESCRIPTORS_PER_RELAY = 2;
/** Its unix socket, its listener's connection, and the one of a listener that succeeds it; each port's socket comes on top. */
const DESCRIPTORS_PER_BRIDGE = 3;
const LEAST_RELAYS = 16;
/** Share of the limit below which a full data plane takes connections again. */
const ROOM_AGAIN = 0.98;
const YOUNG_MS = 10_000;

/** Takes connections from listeners, dials upstreams, relays. All of it on one thread, all of it without blocking. */
export class DataPlane implements LinkHost, RelayHost {
  readonly reactor: Reactor;
  readonly connecting: Deadlines;
  readonly young = new Deadlines(YOUNG_MS);
  readonly lingering: Deadlines;
  readonly idling: Deadlines;
  keepaliveS: number;
  private readonly post: (message: FromWorker, transfer?: ArrayBuffer[]) => void;
  private readonly bridges = new Map<number, Bridge>();
  private readonly links = new Links(this);
  private readonly bridgeOf = new Map<Relay, Bridge>();
  private readonly records = new RecordBatch();
  private readonly descriptorLimit: number;
  private relayLimit: number;
  /** Connections wait in the links, and then in the listeners' queues, until relays have ended. */
  isFull = false;
  private draining = false;

  constructor(
    reactor: Reactor,
    data: WorkerData,
    post: (message: FromWorker, transfer?: ArrayBuffer[]) => void,
  ) {
    this.reactor = reactor;
    this.post = post;
    this.connecting = new Deadlines(data.limits.connectMs);
    this.lingering = new Deadlines(data.limits.lingerMs);
    this.idling = new Deadlines(data.limits.idleMs);
    this.keepaliveS = data.limits.keepaliveS;
    this.descriptorLimit = data.descriptorLimit;
    this.relayLimit = this.roomForRelays();
    reactor.onTick((now) => this.tick(now));
  }

  tell(message: FromWorker): void {
    if (message.type === 'gone') this.links.forget(message.link);
    this.post(message);
  }

  onMessage(message: ToWorker): void {
    switch (message.type) {
      case 'serve':
        this.serve(message.bridge, message.bridgeId, message.fd);
        break;
      case 'withdraw':
        this.withdraw(message.bridgeId);
        break;
      case 'routes': {
        const bridge = this.bridges.get(message.bridgeId);
        if (bridge) bridge.routes = new Map(message.routes.map((route) => [route.servicePort, route]));
        this.relayLimit = this.roomForRelays();
        break;
      }
      case 'configure':
        this.links.get(message.link)?.configure(message.body, message.fds);
        break;
      case 'pause':
        this.links.get(message.link)?.pause();
        break;
      case 'exit':
        this.links.get(message.link)?.exit();
        break;
      case 'ping':
        this.links.get(message.link)?.ping();
        break;
      case 'drop':
        this.links.get(message.link)?.close('dropped');
        break;
      case 'limits':
        this.setLimits(message.limits);
        break;
      case 'count':
        this.post({ type: 'counted', id: message.id, ...this.count() });
        break;
      case 'drain':
        this.draining = true;
        this.tellWhenDrained();
        break;
      case 'cut':
        for (const relay of [...this.bridgeOf.keys()]) relay.cut('cut');
        break;
      default:
        message satisfies never;
    }
  }

  arrived(bridge: Bridge, arrival: Arrival): void {
    const route = bridge.routes.get(arrival.servicePort);
    const parties = {
      servicePort: arrival.servicePort,
      guestIp: arrival.guestIp,
      guestPort: arrival.guestPort,
      upstreamIp: route?.ip ?? 0,
      upstreamPort: route?.port ?? 0,
    };
    const refused = route === undefined ? 'no-endpoint' : this.dial(bridge, arrival.fd, parties);
    if (refused === undefined) return;
    closeWithReset(arrival.fd);
    this.record(bridge, parties, 0, 0, 0, refused);
  }

  /** Starts a relay, or says why there is none. */
  private dial(bridge: Bridge, guestFd: number, parties: Parties): Outcome | undefined {
    const fd = tcpSocket();
    if (fd < 0) return connectOutcome(-fd);
    setNoDelay(fd);
    const result = tcpConnect(fd, parties.upstreamIp, parties.upstreamPort);
    if (result < 0 && result !== -Errno.EINPROGRESS) {
      close(fd);
      return connectOutcome(-result);
    }
    try {
      const relay = new Relay(this, guestFd, fd, parties);
      bridge.relays.add(relay);
      this.bridgeOf.set(relay, bridge);
    } catch {
      close(fd);
      return 'error';
    }
    if (this.bridgeOf.size >= this.relayLimit) this.isFull = true;
    return undefined;
  }

  finished(relay: Relay, outcome: Outcome): void {
    const bridge = this.bridgeOf.get(relay);
    if (bridge === undefined) return;
    this.bridgeOf.delete(relay);
    bridge.relays.delete(relay);
    const duration = this.reactor.now - relay.startedAt;
    this.record(bridge, relay.parties, relay.bytesToUpstream, relay.bytesToGuest, duration, outcome);
    if (this.isFull && this.bridgeOf.size < this.relayLimit * ROOM_AGAIN) {
      this.isFull = false;
      this.links.resume();
    }
    this.forgetIfDone(bridge);
    if (this.draining) this.tellWhenDrained();
  }

  /** Sends what is left to be told; call before the thread ends. */
  flush(): void {
    if (this.records.isEmpty) return;
    const records = this.records.take();
    this.post({ type: 'records', records }, [records.buffer]);
  }

  private record(
    bridge: Bridge,
    parties: Parties,
    toUpstream: number,
    toGuest: number,
    durationMs: number,
    outcome: Outcome,
  ): void {
    this.records.add(bridge.id, parties, toUpstream, toGuest, durationMs, outcome);
    if (this.records.isFull) this.flush();
  }

  private serve(name: string, id: number, fd: number): void {
    const bridge: Bridge = {
      id,
      name,
      routes: new Map(),
      relays: new Set(),
      links: new Set(),
      socket: undefined,
    };
    this.links.open(bridge, fd);
    this.bridges.set(id, bridge);
  }

  private withdraw(id: number): void {
    const bridge = this.bridges.get(id);
    if (bridge === undefined) return;
    this.links.close(bridge);
    this.forgetIfDone(bridge);
  }

  private forgetIfDone(bridge: Bridge): void {
    if (bridge.socket === undefined && bridge.relays.size === 0) this.bridges.delete(bridge.id);
  }

  private roomForRelays(): number {
    let others = DESCRIPTOR_RESERVE;
    for (const { routes } of this.bridges.values()) others += DESCRIPTORS_PER_BRIDGE + routes.size;
    return Math.max(LEAST_RELAYS, Math.floor((this.descriptorLimit - others) / DESCRIPTORS_PER_RELAY));
  }

  private setLimits(limits: Limits): void {
    this.connecting.delayMs = limits.connectMs;
    this.lingering.delayMs = limits.lingerMs;
    this.idling.delayMs = limits.idleMs;
    this.keepaliveS = limits.keepaliveS;
  }

  private count(): Pick<Extract<FromWorker, { type: 'counted' }>, 'relays' | 'byBridge'> {
    const byBridge = [...this.bridges.values()].map(({ id, relays }) => ({
      bridgeId: id,
      relays: relays.size,
    }));
    return { relays: this.bridgeOf.size, byBridge };
  }

  private tellWhenDrained(): void {
    if (this.bridgeOf.size > 0) return;
    this.flush();
    this.post({ type: 'drained' });
  }

  private tick(now: number): boolean {
    this.flush();
    const exhausted = this.links.tick(now);
    const waiting = [this.connecting, this.young, this.lingering, this.idling].map((queue) =>
      queue.expire(now),
    );
    return waiting.includes(true) || !this.records.isEmpty || exhausted;
  }
}
