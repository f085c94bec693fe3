import { EventEmitter } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FromWorker, ToWorker, WorkerData } from '../dataplane/messages.ts';
import { wake } from '../dataplane/reactor.ts';

export interface PlaneEvents {
  message: [FromWorker];
  /** The thread ended without being asked to. */
  died: [Error];
}

type Ready = { readonly type: 'ready'; readonly wakeDescriptor: number };

/** A data-plane thread, seen from the main thread. */
export class Plane extends EventEmitter<PlaneEvents> {
  private readonly worker: Worker;
  private readonly wakeDescriptor: number;
  private closing = false;

  private constructor(worker: Worker, wakeDescriptor: number) {
    super();
    this.worker = worker;
    this.wakeDescriptor = wakeDescriptor;
    worker.on('message', (message: FromWorker) => this.emit('message', message));
    worker.on('error', (error) => this.emit('died', error as Error));
    worker.on('exit', () => {
      if (!this.closing) this.emit('died', new Error('data plane: thread ended'));
    });
  }

  /** Starts the thread from the bundle `worker.cjs` beside this one; resolves when it takes messages. */
  static start(data: WorkerData): Promise<Plane> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./worker.cjs', import.meta.url), {
        workerData: data,
        // The forwarder is started through NODE_OPTIONS, which a worker would follow too.
        env: { PATH: process.env.PATH ?? '' },
        execArgv: [],
        resourceLimits: { maxYoungGenerationSizeMb: 8 },
      });
      worker.once('error', reject);
      worker.once('message', (ready: Ready) => {
        worker.off('error', reject);
        resolve(new Plane(worker, ready.wakeDescriptor));
      });
    });
  }

  post(message: ToWorker): void {
    this.worker.postMessage(message);
    wake(this.wakeDescriptor);
  }

  /** Ends the thread after it has told everything. */
  async close(): Promise<void> {
    this.closing = true;
    this.worker.postMessage('stop');
    wake(this.wakeDescriptor);
    await new Promise((resolve) => this.worker.once('exit', resolve));
  }
}
