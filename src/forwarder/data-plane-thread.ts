import { EventEmitter } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { DataPlaneData, FromDataPlane, ToDataPlane } from '../dataplane/messages.ts';
import { wake } from '../dataplane/reactor.ts';
import { TproxyError } from '../errors.ts';

export interface DataPlaneEvents {
  message: [FromDataPlane];
  /** The thread ended without being asked to, after it had become ready. */
  died: [Error];
}

type Ready = { readonly type: 'ready'; readonly wakeDescriptor: number };

/** A data-plane thread, seen from the main thread. It is told things from the beginning, and hears them once it is ready. */
export class DataPlaneThread extends EventEmitter<DataPlaneEvents> {
  /** Resolves when the thread hears; rejects when it could not be started. */
  readonly ready: Promise<void>;
  private readonly worker: Worker;
  private readonly ended: Promise<void>;
  private wakeDescriptor: number | undefined;
  private closing = false;

  /** Starts the thread from the bundle `dataplane.cjs` beside this one. */
  constructor(data: DataPlaneData) {
    super();
    const worker = new Worker(new URL('./dataplane.cjs', import.meta.url), {
      workerData: data,
      // The forwarder is started through NODE_OPTIONS, which the thread would follow too.
      env: { PATH: process.env.PATH ?? '' },
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.worker = worker;
    this.ended = new Promise((resolve) => worker.once('exit', () => resolve()));
    this.ready = new Promise((resolve, reject) => {
      const trouble = (error: Error): void => {
        reject(error);
        if (this.wakeDescriptor !== undefined && !this.closing) this.emit('died', error);
      };
      worker.on('error', (error) => trouble(error as Error));
      worker.once('exit', () => trouble(new TproxyError('data plane: thread ended')));
      worker.once('message', ({ wakeDescriptor }: Ready) => {
        this.wakeDescriptor = wakeDescriptor;
        worker.on('message', (message: FromDataPlane) => this.emit('message', message));
        wake(wakeDescriptor);
        resolve();
      });
    });
    // Whoever needs it waits for it.
    this.ready.catch(() => undefined);
  }

  post(message: ToDataPlane): void {
    this.tell(message);
  }

  /** Ends the thread after it has told everything. */
  async close(): Promise<void> {
    this.closing = true;
    this.tell('stop');
    await this.ended;
  }

  private tell(message: ToDataPlane | 'stop'): void {
    this.worker.postMessage(message);
    if (this.wakeDescriptor !== undefined) wake(this.wakeDescriptor);
  }
}
