import { listeningSocketFault } from '../linux/listening-socket-check.ts';
import { closeWithReset } from '../linux/tcp-socket.ts';
import { Admission } from './admission/admission.ts';
import type { Refusal } from './admission/refusals.ts';
import { Turns } from './admission/turns.ts';
import { Bridge } from './bridge.ts';
import type { ServiceSocketsOwner } from './listeners/service-sockets.ts';
import type { SessionOwner } from './listeners/session.ts';
import { ListenerSessions } from './listeners/sessions.ts';
import type {
  DataPlaneData,
  DataPlaneSettings,
  FromDataPlane,
  ServiceRoute,
  ToDataPlane,
} from './messages.ts';
import type { Outcome } from './outcome.ts';
import type { Reactor } from './reactor.ts';
import { dial } from './relay/dial.ts';
import { Pipes } from './relay/pipes.ts';
import type { Relay, RelayOwner } from './relay/relay.ts';
import { Timers } from './relay/timers.ts';
import { type Post, Report } from './report/connection-report.ts';

/** Accepts what guests dial, dials upstreams, relays. All of it on one thread, all of it without blocking. */
export class DataPlane implements SessionOwner, RelayOwner, ServiceSocketsOwner<Bridge> {
  readonly reactor: Reactor;
  readonly pipes = new Pipes();
  readonly turns: Turns;
  readonly socketFault: typeof listeningSocketFault;
  readonly timers: Timers;
  private readonly post: Post;
  private readonly bridges = new Map<number, Bridge>();
  private readonly sessions = new ListenerSessions(this);
  private readonly admission: Admission;
  private readonly report: Report;
  private relays = 0;
  private draining = false;

  constructor(reactor: Reactor, data: DataPlaneData, post: Post, socketFault = listeningSocketFault) {
    this.reactor = reactor;
    this.socketFault = socketFault;
    this.turns = new Turns(reactor);
    this.post = post;
    this.report = new Report(post, this.bridges);
    this.timers = new Timers(data.settings);
    this.admission = new Admission(data.settings.admission, data.descriptorLimit);
    reactor.onTick((now) => this.tick(now));
  }

  get isShared(): boolean {
    return this.turns.areShared;
  }

  tell(message: FromDataPlane): void {
    if (message.type === 'gone') this.sessions.forget(message.session);
    this.post(message);
  }

  onMessage(message: ToDataPlane): void {
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
        this.sessions.get(message.session)?.configure(message.body, message.netns);
        break;
      case 'exit':
        this.sessions.get(message.session)?.exit();
        break;
      case 'ping':
        this.sessions.get(message.session)?.ping();
        break;
      case 'drop':
        this.sessions.get(message.session)?.close('dropped');
        break;
      case 'settings':
        this.setSettings(message.settings);
        break;
      case 'count':
        this.report.count(message.id);
        break;
      case 'list':
        this.report.list(message.id, this.reactor.now);
        break;
      case 'sum':
        this.report.sum(message.id, message.byGuest);
        break;
      case 'drain':
        this.draining = true;
        this.tellWhenDrained();
        break;
      case 'cut':
        for (const relay of this.report.livingRelays()) relay.cut('cut');
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
      this.report.failed(bridge, parties, 'no-endpoint');
      return;
    }
    const guest = bridge.guests.of(guestIp, route);
    // Connections that come to nothing are work too.
    this.turns.begin(guest);
    const isAmongOthers = bridge.guests.wanted(guestIp, this.reactor.now);
    const refused =
      isAmongOthers && this.admission.hasItsShare(bridge, guest, this.relays)
        ? 'guest-share'
        : this.admission.refusal(bridge, guest, route, this.reactor.now, !this.isShared);
    if (refused !== undefined) {
      closeWithReset(fd);
      this.admission.refusals.add(bridge.id, refused, guestIp, servicePort);
      return;
    }
    const relay = dial(this, { bridge, guest }, fd, parties, route);
    if (typeof relay === 'string') {
      closeWithReset(fd);
      this.report.failed(bridge, parties, relay);
      return;
    }
    bridge.relays.add(relay);
    guest.opened();
    this.relays += 1;
  }

  finished(relay: Relay, outcome: Outcome): void {
    const { id, relays } = relay.bridge;
    if (!relays.delete(relay)) return;
    relay.guest.closed();
    this.relays -= 1;
    this.report.finished(relay, this.reactor.now, outcome);
    if (this.admission.paused.size > 0) this.admission.resume(this.relays, this.reactor.now);
    if (relays.size === 0) this.forgetIfDone(this.bridges.get(id));
    if (this.draining) this.tellWhenDrained();
  }

  /** Sends what is left to be told; call before the thread ends. */
  flush(): void {
    this.report.flush();
  }

  private serve(name: string, id: number, fd: number): void {
    const bridge = this.bridges.get(id) ?? new Bridge(this, name, id);
    this.bridges.set(id, bridge);
    this.sessions.open(bridge, fd);
  }

  private withdraw(id: number): void {
    const bridge = this.bridges.get(id);
    if (bridge === undefined) return;
    this.sessions.close(bridge);
    bridge.sockets.keepOnly(new Set());
    this.admission.paused.delete(bridge);
    this.forgetIfDone(bridge);
  }

  private route(id: number, routes: readonly ServiceRoute[]): void {
    const bridge = this.bridges.get(id);
    if (bridge !== undefined) bridge.routes = new Map(routes.map((route) => [route.servicePort, route]));
    this.admission.reserve(this.bridges.values());
  }

  private forgetIfDone(bridge: Bridge | undefined): void {
    if (bridge === undefined || bridge.meeting !== undefined || bridge.relays.size > 0) return;
    if (!this.bridges.delete(bridge.id)) return;
    this.admission.reserve(this.bridges.values());
    // What is told of it comes before its name is forgotten.
    this.flush();
    this.tellRefusals(this.admission.refusals.take());
    this.post({ type: 'forgotten', bridgeId: bridge.id });
  }

  private setSettings(settings: DataPlaneSettings): void {
    this.timers.setSettings(settings);
    this.admission.limits = settings.admission;
  }

  private tellRefusals(refusals: readonly Refusal[]): void {
    if (refusals.length > 0) this.post({ type: 'refused', refusals });
  }

  private tellWhenDrained(): void {
    if (this.relays > 0) return;
    this.flush();
    this.post({ type: 'drained' });
  }

  private tick(now: number): boolean {
    this.flush();
    this.tellRefusals(this.admission.refusals.due(now));
    this.admission.resume(this.relays, now);
    let busy = this.sessions.tick(now);
    for (const bridge of this.bridges.values()) busy = bridge.guests.sweep(now) || busy;
    busy = this.timers.expire(now) || busy;
    return busy || !this.report.isEmpty || this.admission.isBusy;
  }
}
