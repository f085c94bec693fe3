import { PORTS_AT_MOST } from '../../dataplane/listeners/handover.ts';
import { TproxyError } from '../../errors.ts';
import { type Endpoint, sameEndpoints } from '../../model/endpoint.ts';
import { netnsName } from '../../model/names.ts';
import { bridgeNetns } from '../../process/processes.ts';
import type { BridgeCondition } from '../books/compose-stats.ts';
import { serviceRoute } from '../service-route.ts';
import { BridgeListener } from './bridge-listener.ts';
import type { BridgeOwner } from './bridge-owner.ts';
import { type BridgeSocket, isInPlace, openBridgeSocket } from './bridge-socket.ts';

/** One bridge as the forwarder's main thread sees it: its unix socket, where its service ports lead, its listener. */
export class ServedBridge {
  readonly name: string;
  readonly id: number;
  readonly listener: BridgeListener;
  endpoints: readonly Endpoint[] = [];
  private readonly owner: BridgeOwner;
  private socket: BridgeSocket;

  constructor(owner: BridgeOwner, name: string, id: number) {
    this.owner = owner;
    this.name = name;
    this.id = id;
    this.listener = new BridgeListener(owner, name, id);
    this.socket = this.openSocket();
  }

  get condition(): BridgeCondition {
    const { name, endpoints, listener } = this;
    const { servingPid, openPorts, failures } = listener;
    return { name, endpoints, servingPid, openPorts, failures };
  }

  /** False when the netns of the bridge is gone, is another one by now, or has no listener. */
  get isHealthy(): boolean {
    return this.listener.servesIn(bridgeNetns(this.name));
  }

  /** It is so already that guests are led to `endpoints`. */
  serves(endpoints: readonly Endpoint[]): boolean {
    return sameEndpoints(this.endpoints, endpoints) && this.isHealthy && this.hasThePorts;
  }

  /** Routes to `endpoints` and a listener with exactly their ports. Resolves when the ports accept. */
  async bring(endpoints: readonly Endpoint[]): Promise<void> {
    const netns = bridgeNetns(this.name);
    if (netns === undefined) {
      throw new TproxyError(`bridge ${this.name}: network namespace ${netnsName(this.name)} is missing`, {
        remedy: `deploy a VM on the bridge, or delete map ep_${this.name} from nft if the bridge is gone`,
      });
    }
    if (endpoints.length > PORTS_AT_MOST) {
      throw new TproxyError(
        `bridge ${this.name}: ${endpoints.length} service ports, but at most ${PORTS_AT_MOST} can be served`,
        { remedy: 'configure fewer services for its networks, then run tproxy apply' },
      );
    }
    if (this.serves(endpoints)) return;
    this.route(endpoints);
    this.beReachable();
    await this.listener.bring(this.ports, netns);
  }

  /** Puts the unix socket back where another forwarder, or somebody else, took its place. */
  beReachable(): void {
    if (!isInPlace(this.socket)) this.socket = this.openSocket();
  }

  /** Sends connections that come from now on to `endpoints`; ports are not opened or closed by this. */
  route(endpoints: readonly Endpoint[]): void {
    this.endpoints = endpoints;
    this.owner.post({ type: 'routes', bridgeId: this.id, routes: endpoints.map(serviceRoute) });
  }

  /** Has a fresh process take the place of the listener; its sockets serve on. */
  async replaceListener(): Promise<void> {
    await this.listener.replace(this.ports);
  }

  /** Ends the listener and closes the bridge's sockets; living relays go on. */
  async end(): Promise<void> {
    await this.listener.end();
    this.release();
  }

  /** Leaves the listener to a successor. */
  release(): void {
    this.listener.release();
    this.owner.post({ type: 'withdraw', bridgeId: this.id });
  }

  private openSocket(): BridgeSocket {
    const { owner, name, id } = this;
    const socket = openBridgeSocket(name, owner.user);
    owner.post({ type: 'serve', bridge: name, bridgeId: id, fd: socket.fd });
    return socket;
  }

  private get ports(): readonly number[] {
    return this.endpoints.map(({ servicePort }) => servicePort);
  }

  /** The ports of the endpoints, and no others, are open. */
  private get hasThePorts(): boolean {
    const { openPorts, failures } = this.listener;
    const { ports } = this;
    return failures.length === 0 && openPorts.size === ports.length && ports.every((p) => openPorts.has(p));
  }
}
