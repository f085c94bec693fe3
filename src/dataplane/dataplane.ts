import { close } from '../linux/descriptor.ts';
import { Errno } from '../linux/errno.ts';
import { listeningSocketFault } from '../linux/listening-socket.ts';
import { closeWithReset, delayAcks, tcpConnect, tcpSocket } from '../linux/socket.ts';
import { Admission } from './admission.ts';
import { Bridge } from './bridge.ts';
import { Deadlines } from './deadlines.ts';
import type { Guest } from './guests.ts';
import type { LinkHost } from './link.ts';
import { Links } from './links.ts';
import type { FromWorker, Limits, Route, ToWorker, WorkerData } from './messages.ts';
import { connectOutcome, type Outcome } from './outcome.ts';
import { proxyV2Header } from './proxy-v2.ts';
import type { Reactor } from './reactor.ts';
import { listOf, RecordBatch } from './records.ts';
import { type Parties, Relay, type RelayHost } from './relay.ts';
import type { ServiceSocketsHost } from './service-sockets.ts';
import { sumOf } from './sums.ts';
import { Turns } from './turns.ts';

/** A relay that is older than this is worth timers of its own. */
const YOUNG_MS = 10_000;
/** Relays told of at once: a list of more would be of use to nobody. */
const LISTED_AT_MOST = 16_384;

/** Accepts what guests dial, dials upstreams, relays. All of it on one thread, all of it without blocking. */
export class DataPlane implements LinkHost, RelayHost, ServiceSocketsHost {
  readonly reactor: Reactor;
  readonly turns: Turns;
  readonly socketFault: typeof listeningSocketFault;
  readonly connecting: Deadlines;
  readonly young: Deadlines;
  readonly lingering: Deadlines;
  readonly idling: Deadlines;
  keepaliveS: number;
  private readonly post: (message: FromWorker, transfer?: ArrayBuffer[]) => void;
  private readonly bridges = new Map<number, Bridge>();
  private readonly links = new Links(this);
  private readonly admission: Admission;
  private readonly records = new RecordBatch();
  private relays = 0;
  private draining = false;

  constructor(
    reactor: Reactor,
    data: WorkerData,
    post: (message: FromWorker, transfer?: ArrayBuffer[]) => void,
    socketFault = listeningSocketFault,
  ) {
    this.reactor = reactor;
    this.socketFault = socketFault;
    this.turns = new Turns(reactor);
    this.post = post;
    this.connecting = new Deadlines(data.limits.connectMs);
    this.young = new Deadlines(youngMs(data.limits));
    this.lingering = new Deadlines(data.limits.lingerMs);
    this.idling = new Deadlines(data.limits.idleMs);
    this.keepaliveS = data.limits.keepaliveS;
    this.admission = new Admission(data.limits.admission, data.descriptorLimit);
    reactor.onTick((now) => this.tick(now));
  }

  get isShared(): boolean {
    return this.turns.areShared;
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
      case 'routes':
        this.route(message.bridgeId, message.routes);
        break;
      case 'forget-sockets':
        this.bridges.get(message.bridgeId)?.sockets.keepOnly(new Set());
        break;
      case 'configure':
        this.links.get(message.link)?.configure(message.body, message.netns);
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
      case 'list':
        this.list(message.id);
        break;
      case 'sum':
        this.sum(message.id, message.byGuest);
        break;
      case 'drain':
        this.draining = true;
        this.tellWhenDrained();
        break;
      case 'cut':
        for (const relay of this.allRelays()) relay.cut('cut');
        break;
      default:
        message satisfies never;
    }
  }

  mayAccept(bridge: Bridge): boolean {
    return this.admission.mayAccept(bridge, this.relays, this.reactor.now);
  }

  paused(bridge: Bridge): void {
    this.admission.paused.add(bridge);
  }

  exhausted(): void {
    this.admission.rest(this.reactor.now);
  }

  arrived(bridge: Bridge, fd: number, servicePort: number, guestIp: number, guestPort: number): void {
    const route = bridge.routes.get(servicePort);
    const parties = {
      servicePort,
      guestIp,
      guestPort,
      upstreamIp: route?.ip ?? 0,
      upstreamPort: route?.port ?? 0,
    };
    if (route === undefined) {
      closeWithReset(fd);
      this.record(bridge, parties, 0, 'no-endpoint');
      return;
    }
    const guest = bridge.guests.of(guestIp, route);
    // Connections that come to nothing are work too.
    this.turns.begin(guest);
    const refused = this.admission.refusal(bridge, guest, route, this.reactor.now, !this.isShared);
    if (refused !== undefined) {
      closeWithReset(fd);
      this.admission.refusals.add(bridge.id, refused, guestIp, servicePort);
      return;
    }
    const failed = this.dial({ bridge, guest }, fd, parties, route);
    if (failed === undefined) return;
    closeWithReset(fd);
    this.record(bridge, parties, 0, failed);
  }

  /** Starts a relay, or says why there is none. */
  private dial(
    whose: { readonly bridge: Bridge; readonly guest: Guest },
    downstream: number,
    parties: Parties,
    route: Route,
  ): Outcome | undefined {
    const upstream = tcpSocket();
    if (upstream < 0) return connectOutcome(-upstream);
    delayAcks(upstream);
    const result = tcpConnect(upstream, parties.upstreamIp, parties.upstreamPort);
    if (result < 0 && result !== -Errno.EINPROGRESS) {
      close(upstream);
      return connectOutcome(-result);
    }
    const header = route.proxyV2 ? proxyV2Header(parties, whose.bridge.name) : undefined;
    try {
      whose.bridge.relays.add(new Relay(this, whose, { downstream, upstream }, parties, header));
    } catch {
      close(upstream);
      return 'error';
    }
    whose.guest.connections += 1;
    this.relays += 1;
    return undefined;
  }

  finished(relay: Relay, outcome: Outcome): void {
    const { bridge } = relay;
    if (!bridge.relays.delete(relay)) return;
    relay.guest.connections -= 1;
    this.relays -= 1;
    this.records.addRelay(relay, this.reactor.now, outcome);
    if (this.records.isFull) this.flush();
    if (this.admission.paused.size > 0) this.admission.resume(this.relays, this.reactor.now);
    this.forgetIfDone(bridge);
    if (this.draining) this.tellWhenDrained();
  }

  /** Sends what is left to be told; call before the thread ends. */
  flush(): void {
    if (this.records.isEmpty) return;
    const records = this.records.take();
    this.post({ type: 'records', records }, [records.buffer]);
  }

  private record(bridge: Bridge, parties: Parties, durationMs: number, outcome: Outcome): void {
    this.records.add(bridge.id, parties, 0, 0, durationMs, -1, outcome);
    if (this.records.isFull) this.flush();
  }

  private serve(name: string, id: number, fd: number): void {
    const bridge = new Bridge(this, name, id);
    this.links.open(bridge, fd);
    this.bridges.set(id, bridge);
  }

  private withdraw(id: number): void {
    const bridge = this.bridges.get(id);
    if (bridge === undefined) return;
    this.links.close(bridge);
    bridge.sockets.keepOnly(new Set());
    this.admission.paused.delete(bridge);
    this.forgetIfDone(bridge);
  }

  private route(id: number, routes: readonly Route[]): void {
    const bridge = this.bridges.get(id);
    if (bridge !== undefined) bridge.routes = new Map(routes.map((route) => [route.servicePort, route]));
    this.admission.reserve(this.bridges.values());
  }

  private forgetIfDone(bridge: Bridge): void {
    if (bridge.meeting === undefined && bridge.relays.size === 0) this.bridges.delete(bridge.id);
  }

  private setLimits(limits: Limits): void {
    this.connecting.delayMs = limits.connectMs;
    this.young.delayMs = youngMs(limits);
    this.lingering.delayMs = limits.lingerMs;
    this.idling.delayMs = limits.idleMs;
    this.keepaliveS = limits.keepaliveS;
    this.admission.limits = limits.admission;
  }

  private allRelays(): Relay[] {
    return [...this.bridges.values()].flatMap(({ relays }) => [...relays]);
  }

  private count(): Pick<Extract<FromWorker, { type: 'counted' }>, 'relays' | 'byBridge'> {
    const byBridge = [...this.bridges.values()].map(({ id, relays }) => ({
      bridgeId: id,
      relays: relays.size,
    }));
    return { relays: this.relays, byBridge };
  }

  private list(id: number): void {
    const relays = listOf(this.allRelays().slice(0, LISTED_AT_MOST), this.reactor.now);
    this.post({ type: 'listed', id, relays }, [relays.buffer]);
  }

  private sum(id: number, byGuest: boolean): void {
    // Every connection is in the records or in the sums, and none in both: counters never fall back.
    this.flush();
    const sums = sumOf(this.allRelays(), byGuest);
    this.post({ type: 'summed', id, sums }, [sums.buffer]);
  }

  private tellWhenDrained(): void {
    if (this.relays > 0) return;
    this.flush();
    this.post({ type: 'drained' });
  }

  private tick(now: number): boolean {
    this.flush();
    const refusals = this.admission.refusals.due(now);
    if (refusals.length > 0) this.post({ type: 'refused', refusals });
    this.admission.resume(this.relays, now);
    let busy = this.links.tick(now);
    for (const bridge of this.bridges.values()) busy = bridge.guests.sweep(now) || busy;
    for (const queue of [this.connecting, this.young, this.lingering, this.idling]) {
      busy = queue.expire(now) || busy;
    }
    return busy || !this.records.isEmpty || this.admission.isBusy;
  }
}

function youngMs({ keepaliveS }: Limits): number {
  return keepaliveS > 0 ? Math.min(YOUNG_MS, keepaliveS * 1000) : YOUNG_MS;
}
