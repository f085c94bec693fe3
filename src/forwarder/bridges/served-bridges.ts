import { mapConcurrently } from '../../concurrency.ts';
import type { BridgeReport } from '../../control/report.ts';
import type { FromDataPlane, SessionMessage } from '../../dataplane/messages.ts';
import { troubleOf } from '../../errors.ts';
import { type EndpointMaps, servedBridges } from '../../model/endpoint.ts';
import type { BridgeOwner } from './bridge-owner.ts';
import { removeBridgeSocket } from './bridge-socket.ts';
import { LISTENERS_AT_ONCE } from './listener-launch.ts';
import { ServedBridge } from './served-bridge.ts';

/** All bridges that the forwarder serves. Ids are counted up and never given twice: relays may outlive their bridge. */
export class ServedBridges {
  readonly byName: ReadonlyMap<string, ServedBridge>;
  private readonly owner: BridgeOwner;
  private readonly bridges = new Map<string, ServedBridge>();
  private readonly names = new Map<number, string>();
  private lastId = 0;

  constructor(owner: BridgeOwner) {
    this.owner = owner;
    this.byName = this.bridges;
  }

  get all(): readonly ServedBridge[] {
    return [...this.bridges.values()];
  }

  /** Name of the bridge that has, or had, this id. */
  nameOf(id: number): string | undefined {
    return this.names.get(id);
  }

  /** Routes for every bridge that has endpoints, so that its listener finds somebody to talk to. */
  welcome(maps: EndpointMaps): void {
    for (const [name, endpoints] of servedBridges(maps)) this.add(name).route(endpoints);
  }

  /**
   * Brings every bridge, or `only` one, to its endpoints and ends those without one. What fails for one is told and stops no
   * other.
   */
  async become(maps: EndpointMaps, only?: string): Promise<readonly BridgeReport[]> {
    const wanted = servedBridges(maps);
    const gone = this.all.filter(({ name }) => !wanted.has(name) && (only === undefined || name === only));
    await mapConcurrently(gone, LISTENERS_AT_ONCE, (bridge) => this.end(bridge));
    return mapConcurrently([...wanted], LISTENERS_AT_ONCE, ([name, endpoints]) =>
      this.bring(name, endpoints),
    );
  }

  /** True when no bridge would be left with `only` this one brought to its endpoints. */
  wouldBeNone(maps: EndpointMaps, only: string): boolean {
    return servedBridges(maps).size === 0 && this.all.every(({ name }) => name === only);
  }

  /** Brings back the listeners that are missing. */
  async heal(): Promise<readonly BridgeReport[]> {
    const ailing = this.all.filter(({ isHealthy }) => !isHealthy);
    return mapConcurrently(ailing, LISTENERS_AT_ONCE, ({ name, endpoints }) => this.bring(name, endpoints));
  }

  /** Brings back the listener of a bridge that may have been removed meanwhile. */
  async bringAgain(bridge: ServedBridge): Promise<void> {
    if (this.bridges.get(bridge.name) === bridge) await bridge.bring(bridge.endpoints);
  }

  async endAll(): Promise<void> {
    await Promise.all(this.all.map((bridge) => this.end(bridge)));
  }

  /** Leaves all listeners to a successor, while the bridges are served on. */
  leaveListeners(): void {
    for (const { listener } of this.all) listener.release();
  }

  /** Leaves all bridges to a successor. */
  release(): void {
    for (const bridge of this.all) bridge.release();
    this.bridges.clear();
  }

  /** Nothing is told any more of the bridge that had this id; its name, if it is not served again under another id. */
  forget(id: number): string | undefined {
    const name = this.names.get(id);
    this.names.delete(id);
    return name === undefined || [...this.names.values()].includes(name) ? undefined : name;
  }

  /** What a listener says, or what became of it. */
  onMessage(message: SessionMessage): void {
    const bridge = this.bridges.get(this.names.get(message.bridgeId) ?? '');
    switch (message.type) {
      case 'hello':
        this.onHello(bridge, message);
        break;
      case 'listening':
        bridge?.listener.onListening(message);
        break;
      case 'pong':
        bridge?.listener.onPong(message.session);
        break;
      case 'gone':
        bridge?.listener.onGone(message.session, message.reason);
        break;
      default:
        message satisfies never;
    }
  }

  /** A listener of a bridge that was removed meanwhile has nothing to do here. */
  private onHello(
    bridge: ServedBridge | undefined,
    message: Extract<FromDataPlane, { type: 'hello' }>,
  ): void {
    if (bridge === undefined) this.owner.post({ type: 'drop', session: message.session });
    else void bridge.listener.onHello(message);
  }

  private async bring(name: string, endpoints: ServedBridge['endpoints']): Promise<BridgeReport> {
    try {
      const bridge = this.bridges.get(name) ?? this.add(name);
      await bridge.bring(endpoints);
      return { bridge: name };
    } catch (error) {
      this.owner.log.error({ bridge: name, err: error }, 'bridge is not served');
      return { bridge: name, trouble: troubleOf(error) };
    }
  }

  private add(name: string): ServedBridge {
    this.lastId += 1;
    const bridge = new ServedBridge(this.owner, name, this.lastId);
    this.names.set(bridge.id, name);
    this.bridges.set(name, bridge);
    return bridge;
  }

  private async end(bridge: ServedBridge): Promise<void> {
    this.bridges.delete(bridge.name);
    await bridge.end();
    try {
      removeBridgeSocket(bridge.name);
    } catch (error) {
      // Litter, and no reason to serve the others worse.
      this.owner.log.warn({ bridge: bridge.name, err: error }, 'cannot remove the socket of a bridge');
    }
  }
}
