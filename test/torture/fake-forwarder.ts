import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Arrival,
  MessageType,
  readConnections,
  readType,
  writeBare,
  writeJson,
} from '../../src/dataplane/handover.ts';
import { close } from '../../src/linux/descriptor.ts';
import { Errno } from '../../src/linux/errno.ts';
import { receiveMessage, sendMessage } from '../../src/linux/message.ts';
import { accept, seqpacketListen } from '../../src/linux/socket.ts';

const PATIENCE_MS = 5000;

/** A forwarder that does exactly what a test says, to put a listener into states that last microseconds otherwise. */
export class FakeForwarder {
  private readonly socket: number;
  private link = -1;

  /** Listens on the unix socket of a bridge at `path`. */
  constructor(path: string) {
    this.socket = seqpacketListen(path, 4);
  }

  /** Waits for the listener, hears its hello, has it serve `ports` and hears that it does. */
  async serve(ports: readonly number[]): Promise<void> {
    this.link = await this.patiently('no listener came', () => accept(this.socket));
    await this.hear(MessageType.hello);
    const length = writeJson(MessageType.configure, { ports, sockets: [], keepaliveS: 0, logLevel: 2 });
    sendMessage(this.link, length);
    await this.hear(MessageType.listening);
  }

  /** The next connections that the listener hands over. */
  async connections(): Promise<Arrival[]> {
    const { length, descriptors } = await this.hear(MessageType.connections);
    return readConnections(length, descriptors);
  }

  taken(count: number): void {
    sendMessage(this.link, writeBare(MessageType.taken, count));
  }

  /** As if the process were killed: what the link still holds is never read. */
  hangUp(): void {
    close(this.link);
  }

  close(): void {
    close(this.socket);
    close(this.link);
  }

  private async hear(type: number): Promise<{ length: number; descriptors: number[] }> {
    const descriptors: number[] = [];
    const length = await this.patiently(`no message ${type}`, () => receiveMessage(this.link, descriptors));
    if (length === 0 || readType(length) !== type)
      throw new Error(`no message ${type}, but one of ${length} bytes`);
    if (type !== MessageType.connections) for (const fd of descriptors) close(fd);
    return { length, descriptors };
  }

  private async patiently(trouble: string, attempt: () => number): Promise<number> {
    for (let waited = 0; waited < PATIENCE_MS; waited += 5) {
      const result = attempt();
      if (result >= 0) return result;
      if (result !== -Errno.EAGAIN) throw new Error(`${trouble}: errno ${-result}`);
      await sleep(5);
    }
    throw new Error(`${trouble} within ${PATIENCE_MS} ms`);
  }
}
