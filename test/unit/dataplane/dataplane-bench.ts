import { join } from 'node:path';
import { type FinishedRecord, readRecords } from '../../../src/dataplane/connection-records.ts';
import { DataPlane } from '../../../src/dataplane/dataplane.ts';
import { MessageType, writeJson } from '../../../src/dataplane/handover.ts';
import type {
  AdmissionLimits,
  DataPlaneData,
  DataPlaneSettings,
  FromDataPlane,
  ServiceRoute,
  SessionId,
} from '../../../src/dataplane/messages.ts';
import { Reactor } from '../../../src/dataplane/reactor.ts';
import type { Refusal } from '../../../src/dataplane/refusals.ts';
import { receiveMessage, sendMessage } from '../../../src/linux/descriptor-passing.ts';
import { seqpacketConnect, seqpacketListen } from '../../../src/linux/unix-socket.ts';
import { LOOPBACK } from '../linux/endpoints.ts';

export const BRIDGE = 4;

export const NO_ADMISSION_LIMITS: AdmissionLimits = {
  guestConnections: 0,
  guestRate: 0,
  guestRateIsSoft: false,
  bridgeConnections: 0,
  bridgeRate: 0,
};

export function settings(
  more: Partial<DataPlaneSettings> = {},
  admission: Partial<AdmissionLimits> = {},
): DataPlaneSettings {
  return {
    connectMs: 2000,
    lingerMs: 0,
    idleMs: 0,
    keepaliveS: 0,
    admission: { ...NO_ADMISSION_LIMITS, ...admission },
    ...more,
  };
}

/** What its listener is told: it may show sockets for these alone. */
const EVERY_PORT = Array.from({ length: 1000 }, (_, i) => i + 1);

/** Service port 80 to an upstream on the loopback. */
export function route(port: number, more: Partial<ServiceRoute> = {}): ServiceRoute {
  return {
    servicePort: 80,
    ip: LOOPBACK,
    port,
    proxyV2: false,
    guestConnections: undefined,
    guestRate: undefined,
    ...more,
  };
}

export interface BenchLink {
  readonly fd: number;
  readonly id: SessionId;
}

/** A data plane turned by hand; the test is its main thread, its listener, its guests and its upstream. */
export class DataPlaneBench {
  readonly reactor = new Reactor(() => undefined);
  readonly posted: FromDataPlane[] = [];
  readonly records: FinishedRecord[] = [];
  readonly refusals: Refusal[] = [];
  readonly plane: DataPlane;
  readonly path: string;

  /** The sockets that listeners show are those of the test, on the loopback: they count as what they should be. */
  constructor(
    directory: string,
    data: Partial<DataPlaneData> = {},
    socketFault = (): undefined => undefined,
  ) {
    this.plane = new DataPlane(
      this.reactor,
      { settings: settings(), descriptorLimit: 20_000, ...data },
      (message) => {
        if (message.type === 'records') this.records.push(...readRecords(message.records));
        else if (message.type === 'refused') this.refusals.push(...message.refusals);
        else this.posted.push(message);
      },
      socketFault,
    );
    this.path = join(directory, `br${Math.random()}`);
  }

  /** Serves a bridge with these routes. */
  serve(...routes: readonly ServiceRoute[]): void {
    const fd = seqpacketListen(this.path, 16);
    this.plane.onMessage({ type: 'serve', bridge: 'br0', bridgeId: BRIDGE, fd });
    this.route(...routes);
  }

  route(...routes: readonly ServiceRoute[]): void {
    this.plane.onMessage({ type: 'routes', bridgeId: BRIDGE, routes });
  }

  turn(): void {
    this.reactor.defer(() => this.reactor.stop());
    this.reactor.run();
  }

  until<T>(what: string, look: () => T | undefined, limitMs = 5000): T {
    const deadline = performance.now() + limitMs;
    for (;;) {
      this.turn();
      const found = look();
      if (found !== undefined) return found;
      if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    }
  }

  /** The next message of this type that has not been looked at yet. */
  said<T extends FromDataPlane['type']>(type: T): Extract<FromDataPlane, { type: T }> {
    return this.until(type, () => {
      const at = this.posted.findIndex((message) => message.type === type);
      return at < 0 ? undefined : (this.posted.splice(at, 1)[0] as Extract<FromDataPlane, { type: T }>);
    });
  }

  /** Connects as a listener and is accepted. */
  session(): BenchLink {
    const fd = seqpacketConnect(this.path);
    if (fd < 0) throw new Error(`no session: ${fd}`);
    sendMessage(fd, writeJson(MessageType.hello, { bridge: 'br0' }));
    const id = this.said('hello').session;
    const body = { ports: EVERY_PORT, logLevel: 2 };
    this.plane.onMessage({ type: 'configure', session: id, body, netns: 1 });
    receiveMessage(fd, []);
    return { fd, id };
  }

  /** Connects as a listener and shows sockets for service ports, which the data plane accepts on afterwards. */
  show(sockets: Readonly<Record<number, number>>, session = this.session()): BenchLink {
    const ports = Object.keys(sockets).map(Number);
    const body = { ports, sockets: ports, more: false, failures: [] };
    const result = sendMessage(session.fd, writeJson(MessageType.listening, body), Object.values(sockets));
    if (result < 0) throw new Error(`nothing can be said: ${result}`);
    this.said('listening');
    return session;
  }

  count(): { relays: number; bridges: readonly unknown[] } {
    this.plane.onMessage({ type: 'count', id: 9 });
    const { relays, byBridge } = this.said('counted');
    return { relays, bridges: byBridge };
  }

  /** Lets everything go. */
  dispose(): void {
    this.plane.onMessage({ type: 'withdraw', bridgeId: BRIDGE });
    this.plane.onMessage({ type: 'cut' });
  }
}
