import { createHash, randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type FinishedRecord, readRecords } from '../../../src/dataplane/connection-records.ts';
import { MessageType, readType, writeJson } from '../../../src/dataplane/handover.ts';
import type { DataPlaneData, FromDataPlane, ToDataPlane } from '../../../src/dataplane/messages.ts';
import { wake } from '../../../src/dataplane/reactor.ts';
import { close } from '../../../src/linux/descriptor.ts';
import { receiveMessage, sendMessage } from '../../../src/linux/descriptor-passing.ts';
import { tcpListen } from '../../../src/linux/tcp-socket.ts';
import { seqpacketConnect, seqpacketListen } from '../../../src/linux/unix-socket.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';
import { SERVICE_ADDRESS } from '../../../src/model/names.ts';
import { stopwatch } from '../../support/patience.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { route, settings } from '../../unit/dataplane/dataplane-bench.ts';
import { dial, inNetns, openDescriptors } from '../../unit/linux/endpoints.ts';
import { type Bundle, bundle } from '../linux/bundle.ts';
import { netnsOf, until } from '../linux/waiting.ts';

const ADDRESS = parseIpv4(SERVICE_ADDRESS);

let box: Sandbox;
let netns = '';
let program: Bundle;
beforeAll(async () => {
  [box, program] = await Promise.all([
    Sandbox.create(),
    bundle(new URL('../../../src/dataplane/main.ts', import.meta.url)),
  ]);
  netns = netnsOf(box);
  await box.sh(`ip address add ${SERVICE_ADDRESS}/32 dev lo`);
});
afterAll(async () => {
  await box.close();
  program.remove();
});

/** A data-plane thread, its main thread and its listener played by the test. */
class DataPlaneThread {
  readonly messages: FromDataPlane[] = [];
  readonly records: FinishedRecord[] = [];
  readonly ended: Promise<number>;
  private readonly worker: Worker;
  private wakeDescriptor = -1;
  private session = -1;

  constructor() {
    const data: DataPlaneData = { settings: settings(), descriptorLimit: 20_000 };
    this.worker = new Worker(program.file, { workerData: data, execArgv: [] });
    this.ended = new Promise((resolve, reject) => {
      this.worker.once('exit', resolve);
      this.worker.once('error', reject);
    });
    this.worker.on('message', (message: FromDataPlane | { type: 'ready'; wakeDescriptor: number }) => {
      if (message.type === 'ready') this.wakeDescriptor = message.wakeDescriptor;
      else if (message.type === 'records') this.records.push(...readRecords(message.records));
      else this.messages.push(message);
    });
  }

  async serve(upstreamPort: number): Promise<void> {
    await until('the thread', () => (this.wakeDescriptor >= 0 ? true : undefined));
    const path = join(program.directory, `br${randomBytes(4).toString('hex')}`);
    this.post({ type: 'serve', bridge: 'br0', bridgeId: 1, fd: seqpacketListen(path, 4) });
    this.post({ type: 'routes', bridgeId: 1, routes: [route(upstreamPort)] });
    this.session = seqpacketConnect(path);
    sendMessage(this.session, writeJson(MessageType.hello, { bridge: 'br0' }));
    const hello = await this.said('hello');
    expect(hello).toMatchObject({ bridgeId: 1, pid: process.pid });
    const body = { ports: [80], logLevel: 2 };
    this.post({ type: 'configure', session: hello.session, body, netns: statSync(netns).ino });
    const length = await until('the configuration', () => {
      const n = receiveMessage(this.session, []);
      return n > 0 ? n : undefined;
    });
    expect(readType(length)).toBe(MessageType.configure);
    const socket = inNetns(netns, () => tcpListen(ADDRESS, 80, 1024));
    sendMessage(
      this.session,
      writeJson(MessageType.listening, { ports: [80], sockets: [80], more: false, failures: [] }),
      [socket],
    );
    close(socket);
    expect(await this.said('listening')).toMatchObject({ body: { ports: [80], failures: [] } });
  }

  post(message: ToDataPlane | 'stop'): void {
    this.worker.postMessage(message);
    wake(this.wakeDescriptor);
  }

  said<T extends FromDataPlane['type']>(type: T): Promise<Extract<FromDataPlane, { type: T }>> {
    return until(
      type,
      () =>
        this.messages.find((message) => message.type === type) as
          | Extract<FromDataPlane, { type: T }>
          | undefined,
    );
  }

  async stop(): Promise<void> {
    // The thread's descriptors are those of this process: they outlive it.
    this.post({ type: 'withdraw', bridgeId: 1 });
    this.post('stop');
    expect(await this.ended).toBe(0);
    close(this.session);
  }
}

let plane: DataPlaneThread;
let upstream: Server;
let upstreamPort = 0;
/** What the upstream does with a connection. */
let serve: (socket: Socket) => void;
beforeEach(async () => {
  plane = new DataPlaneThread();
  upstream = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const address = upstream.address();
  upstreamPort = typeof address === 'object' ? (address?.port ?? 0) : 0;
});
afterEach(() => {
  upstream.close();
});

/** A guest that dials. */
function guest(): Socket {
  const fd = inNetns(netns, () => dial(80, false, ADDRESS));
  return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
}

/** Sends `data` as a guest, ends, and resolves with the digest of what came back. */
function ask(data: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const digest = createHash('sha256');
    const socket = guest();
    socket.on('data', (chunk) => digest.update(chunk));
    socket.on('end', () => resolve(digest.digest('hex')));
    socket.on('error', reject);
    socket.end(data);
  });
}

test('a thread of its own relays 300 conversations at once, unharmed, and tells of each', async () => {
  // The upstream answers with the digest of what it was told and with what it was told.
  serve = (socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => socket.end(Buffer.concat(chunks).reverse()));
  };
  await plane.serve(upstreamPort);
  const questions = Array.from({ length: 300 }, (_, i) => randomBytes(1 + ((i * 7919) % 300_000)));
  const digests = await Promise.all(questions.map(ask));
  expect(digests).toEqual(
    questions.map((question) => createHash('sha256').update(Buffer.from(question).reverse()).digest('hex')),
  );
  await until('the records', () => (plane.records.length === 300 ? true : undefined));
  expect(new Set(plane.records.map(({ outcome }) => outcome))).toEqual(new Set(['closed']));
  const bytes = questions.reduce((sum, { length }) => sum + length, 0);
  expect(plane.records.reduce((sum, record) => sum + record.bytesToUpstream, 0)).toBe(bytes);
  expect(plane.records.reduce((sum, record) => sum + record.bytesToGuest, 0)).toBe(bytes);
  await plane.stop();
});

test('it hears its main thread while it has nothing to do, and while it is busy', async () => {
  serve = (socket) => socket.pipe(socket);
  await plane.serve(upstreamPort);
  for (const id of [1, 2, 3]) {
    plane.messages.length = 0;
    plane.post({ type: 'count', id });
    expect(await plane.said('counted')).toEqual({
      type: 'counted',
      id,
      relays: 0,
      byBridge: [{ bridgeId: 1, relays: 0 }],
    });
  }
  const answer = ask(Buffer.alloc(32 << 20, 'x'));
  for (let id = 10; id < 40; id++) {
    plane.messages.length = 0;
    const took = stopwatch();
    plane.post({ type: 'count', id });
    expect((await plane.said('counted')).id).toBe(id);
    expect(took()).toBeLessThan(1000);
  }
  expect(await answer).toBe(
    createHash('sha256')
      .update(Buffer.alloc(32 << 20, 'x'))
      .digest('hex'),
  );
  await plane.stop();
});

test('it ends when told to, with living relays, and tells what it has to tell first', async () => {
  serve = (socket) => socket.resume();
  await plane.serve(upstreamPort);
  const before = openDescriptors();
  const sockets = Array.from({ length: 5 }, guest);
  const closed = sockets.map(
    (socket) =>
      new Promise<string>((resolve) => {
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
        socket.once('close', () => resolve('close'));
      }),
  );
  await until('the relays', () => {
    const counted = plane.messages.find((message) => message.type === 'counted');
    plane.messages.length = 0;
    plane.post({ type: 'count', id: 1 });
    return counted?.type === 'counted' && counted.relays === 5 ? true : undefined;
  });
  plane.post({ type: 'withdraw', bridgeId: 1 });
  plane.post({ type: 'cut' });
  plane.post('stop');
  expect(await plane.ended).toBe(0);
  expect(plane.records.map(({ outcome }) => outcome)).toEqual(['cut', 'cut', 'cut', 'cut', 'cut']);
  expect(await Promise.all(closed)).toEqual(new Array(5).fill('ECONNRESET'));
  for (const socket of sockets) socket.destroy();
  await until('everything to be closed', () => (openDescriptors() <= before ? true : undefined));
});
