import { EventEmitter } from 'node:events';
import type { FromWorker, LinkId, ToWorker, WorkerData } from '../dataplane/messages.ts';
import { Plane, type PlaneEvents } from './plane.ts';

/** What there has to be of each thread; `Plane` is one. */
export type OnePlane = Pick<Plane, 'ready' | 'post' | 'close'> & EventEmitter<PlaneEvents>;

type Answer = Extract<FromWorker, { readonly type: 'counted' | 'listed' | 'summed' }>;

/**
 * Several data-plane threads that look like one. A bridge, with its listeners and connections, belongs to one of them; what
 * is asked of all is answered once, when the last of them has answered.
 */
export class Planes extends EventEmitter<PlaneEvents> {
  /** Resolves when all threads hear; rejects when one could not be started. */
  readonly ready: Promise<unknown>;
  private readonly planes: readonly OnePlane[];
  /** Index of the thread that has the bridge. */
  private readonly homes = new Map<number, number>();
  private readonly answers = new Map<string, Answer[]>();
  private readonly drained = new Set<number>();

  constructor(planes: readonly OnePlane[]) {
    super();
    this.planes = planes;
    this.ready = Promise.all(planes.map(({ ready }) => ready));
    // Whoever needs it waits for it.
    this.ready.catch(() => undefined);
    for (const [i, plane] of planes.entries()) {
      plane.on('message', (message) => this.onMessage(message, i));
      // Threads that wait for events would keep the process from ending.
      plane.on('died', (error) => void this.close().then(() => this.emit('died', error)));
    }
  }

  /** Starts the threads. */
  static start(count: number, data: WorkerData): Planes {
    const share = { ...data, descriptorLimit: Math.floor(data.descriptorLimit / count) };
    return new Planes(Array.from({ length: count }, () => new Plane(share)));
  }

  get count(): number {
    return this.planes.length;
  }

  post(message: ToWorker): void {
    if ('link' in message) this.ofLink(message.link)?.post({ ...message, link: this.within(message.link) });
    else if ('bridgeId' in message) this.ofBridge(message)?.post(message);
    else for (const plane of this.planes) plane.post(message);
  }

  async close(): Promise<void> {
    await Promise.all(this.planes.map((plane) => plane.close()));
  }

  private onMessage(message: FromWorker, plane: number): void {
    switch (message.type) {
      case 'counted':
      case 'listed':
      case 'summed':
        this.gather(message);
        break;
      case 'drained':
        this.drained.add(plane);
        if (this.drained.size === this.count) this.emit('message', message);
        break;
      case 'records':
      case 'refused':
      case 'forgotten':
        this.emit('message', message);
        break;
      default:
        this.emit('message', { ...message, link: this.without(message.link, plane) });
    }
  }

  /** Passes the answers of all threads to one question on as one. */
  private gather(answer: Answer): void {
    const question = `${answer.type} ${answer.id}`;
    const answers = [...(this.answers.get(question) ?? []), answer];
    this.answers.set(question, answers);
    if (answers.length < this.count) return;
    this.answers.delete(question);
    this.emit('message', answers.reduce(joined));
  }

  /** The thread of a bridge. A bridge that comes is given to the one with the fewest. */
  private ofBridge({
    type,
    bridgeId,
  }: Extract<ToWorker, { readonly bridgeId: number }>): OnePlane | undefined {
    if (type === 'serve' && !this.homes.has(bridgeId)) this.homes.set(bridgeId, this.leastUsed());
    const home = this.homes.get(bridgeId);
    if (type === 'withdraw') this.homes.delete(bridgeId);
    return home === undefined ? undefined : this.planes[home];
  }

  private leastUsed(): number {
    const bridges = this.planes.map(() => 0);
    for (const home of this.homes.values()) bridges[home] = (bridges[home] ?? 0) + 1;
    return bridges.indexOf(Math.min(...bridges));
  }

  // Each thread counts its links from its own start: outside, their numbers are interleaved.

  private without(link: LinkId, plane: number): LinkId {
    return link * this.count + plane;
  }

  private within(link: LinkId): LinkId {
    return Math.floor(link / this.count);
  }

  private ofLink(link: LinkId): OnePlane | undefined {
    return this.planes[link % this.count];
  }
}

/** Two answers of one kind as one. */
function joined(one: Answer, other: Answer): Answer {
  if (one.type === 'counted' && other.type === 'counted') {
    const byBridge = [...one.byBridge, ...other.byBridge];
    return { ...one, relays: one.relays + other.relays, byBridge };
  }
  if (one.type === 'listed' && other.type === 'listed') {
    return { ...one, relays: Float64Array.from([...one.relays, ...other.relays]) };
  }
  if (one.type === 'summed' && other.type === 'summed') {
    return { ...one, sums: Float64Array.from([...one.sums, ...other.sums]) };
  }
  throw new TypeError(`data plane: ${one.type} answered by ${other.type}`);
}
