import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { TproxyError } from '../errors.ts';
import { DataPlane } from './dataplane.ts';
import type { ToWorker, WorkerData } from './messages.ts';
import { Reactor } from './reactor.ts';

/**
 * A data-plane thread. It never returns to Node's event loop: messages of the main thread are fetched when the eventfd
 * says that there are some.
 */
export function runWorker(port: MessagePort, data: WorkerData): void {
  const reactor = new Reactor(() => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const message = next.message as ToWorker | 'stop';
      if (message === 'stop') {
        dataPlane.flush();
        reactor.stop();
        return;
      }
      dataPlane.onMessage(message);
    }
  });
  const dataPlane = new DataPlane(reactor, data, (message, transfer) =>
    port.postMessage(message, transfer ?? []),
  );
  port.postMessage({ type: 'ready', wakeDescriptor: reactor.wakeDescriptor });
  reactor.run();
}

/** Entry of the worker's bundle. */
export function workerMain(): void {
  if (parentPort === null) throw new TproxyError('data plane: not started as a worker');
  runWorker(parentPort, workerData as WorkerData);
}
