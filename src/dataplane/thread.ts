import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { DataPlane } from './dataplane.ts';
import type { DataPlaneData, ToDataPlane } from './messages.ts';
import { Reactor } from './reactor.ts';

/**
 * A data-plane thread. It never returns to Node's event loop: messages of the main thread are fetched when the eventfd
 * says that there are some.
 */
export function runDataPlane(port: MessagePort, data: DataPlaneData): void {
  const reactor = new Reactor(() => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const message = next.message as ToDataPlane | 'stop';
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
