import { EventEmitter } from 'node:events';
import type { DataPlaneData, FromDataPlane, SessionId, ToDataPlane } from '../dataplane/messages.ts';
import { type DataPlaneEvents, DataPlaneThread } from './data-plane-thread.ts';

/** What there has to be of each thread; `DataPlaneThread` is one. */
export type OneThread = Pick<DataPlaneThread, 'ready' | 'post' | 'close'> & EventEmitter<DataPlaneEvents>;

type Answer = Extract<FromDataPlane, { readonly type: 'counted' | 'listed' | 'summed' }>;

/**
 * Several data-plane threads that look like one. A bridge, with its listeners and connections, belongs to one of them; what
 * is asked of all is answered once, when the last of them has answered.
 */
export class DataPlanes extends EventEmitter<DataPlaneEvents> {
  /** Resolves when all threads hear; rejects when one could not be started. */
  readonly ready: Promise<unknown>;
  private readonly threads: readonly OneThread[];
  /** Index of the thread that has the bridge. */
  private readonly homes = new Map<number, number>();
  private readonly answers = new Map<string, Answer[]>();
  private readonly drained = new Set<number>();

  constructor(threads: readonly OneThread[]) {
    super();
    this.threads = threads;
    this.ready = Promise.all(threads.map(({ ready }) => ready));
    // Whoever needs it waits for it.
    this.ready.catch(() => undefined);
    for (const [i, thread] of threads.entries()) {
      thread.on('message', (message) => this.onMessage(message, i));
      // Threads that wait for events would keep the process from ending.
      thread.on('died', (error) => void this.close().then(() => this.emit('died', error)));
    }
  }

  /** Starts the threads. */
  static start(count: number, data: DataPlaneData): DataPlanes {
    const share = { ...data, descriptorLimit: Math.floor(data.descriptorLimit / count) };
    return new DataPlanes(Array.from({ length: count }, () => new DataPlaneThread(share)));
  }

  get count(): number {
    return this.threads.length;
  }

  post(message: ToDataPlane): void {
    if ('session' in message)
      this.ofSession(message.session)?.post({ ...message, session: this.within(message.session) });
    else if ('bridgeId' in message) this.ofBridge(message)?.post(message);
    else for (const thread of this.threads) thread.post(message);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }

  private onMessage(message: FromDataPlane, thread: number): void {
    switch (message.type) {
      case 'counted':
      case 'listed':
      case 'summed':
        this.gather(message);
        break;
      case 'drained':
        this.drained.add(thread);
        if (this.drained.size === this.count) this.emit('message', message);
        break;
      case 'records':
      case 'refused':
      case 'forgotten':
        this.emit('message', message);
        break;
      default:
        this.emit('message', { ...message, session: this.without(message.session, thread) });
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
  }: Extract<ToDataPlane, { readonly bridgeId: number }>): OneThread | undefined {
    if (type === 'serve' && !this.homes.has(bridgeId)) this.homes.set(bridgeId, this.leastUsed());
    const home = this.homes.get(bridgeId);
    if (type === 'withdraw') this.homes.delete(bridgeId);
    return home === undefined ? undefined : this.threads[home];
  }

  private leastUsed(): number {
    const bridges = this.threads.map(() => 0);
    for (const home of this.homes.values()) bridges[home] = (bridges[home] ?? 0) + 1;
    return bridges.indexOf(Math.min(...bridges));
  }

  // Each thread counts its sessions from its own start: outside, their numbers are interleaved.

  private without(session: SessionId, thread: number): SessionId {
    return session * this.count + thread;
  }

  private within(session: SessionId): SessionId {
    return Math.floor(session / this.count);
  }

  private ofSession(session: SessionId): OneThread | undefined {
    return this.threads[session % this.count];
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
