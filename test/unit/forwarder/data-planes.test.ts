import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, test } from 'vitest';
import type { FromDataPlane, ToDataPlane } from '../../../src/dataplane/messages.ts';
import type { DataPlaneEvents } from '../../../src/forwarder/data-plane-thread.ts';
import { DataPlanes } from '../../../src/forwarder/data-planes.ts';

/** A thread that keeps what it hears, and says what the test lets it say. */
class Recorder extends EventEmitter<DataPlaneEvents> {
  readonly ready = Promise.resolve();
  readonly heard: ToDataPlane[] = [];
  closed = false;

  post(message: ToDataPlane): void {
    this.heard.push(message);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

let threads: [Recorder, Recorder];
let planes: DataPlanes;
let told: FromDataPlane[];

beforeEach(() => {
  threads = [new Recorder(), new Recorder()];
  planes = new DataPlanes(threads);
  told = [];
  planes.on('message', (message) => told.push(message));
});

const serve = (bridgeId: number): ToDataPlane => ({
  type: 'serve',
  bridge: `br${bridgeId}`,
  bridgeId,
  fd: 9,
});
const bridgesOf = ({ heard }: Recorder): number[] =>
  heard.flatMap((message) => (message.type === 'serve' ? [message.bridgeId] : []));

describe('bridges', () => {
  test('go to the thread that has the fewest, those that went not counted', () => {
    for (const id of [1, 2, 3]) planes.post(serve(id));
    expect(threads.map(bridgesOf)).toEqual([[1, 3], [2]]);
    planes.post({ type: 'withdraw', bridgeId: 1 });
    planes.post({ type: 'withdraw', bridgeId: 3 });
    for (const id of [4, 5, 6]) planes.post(serve(id));
    expect(threads.map(bridgesOf)).toEqual([
      [1, 3, 4, 5],
      [2, 6],
    ]);
  });

  test('that get another socket stay where they are', () => {
    for (const id of [1, 2, 3, 3, 2]) planes.post(serve(id));
    expect(threads.map(bridgesOf)).toEqual([
      [1, 3, 3],
      [2, 2],
    ]);
  });

  test('stay where they are: what is said of one is heard by its thread alone', () => {
    for (const id of [1, 2]) planes.post(serve(id));
    const routes = { type: 'routes', bridgeId: 2, routes: [] } as const;
    const withdrawal = { type: 'withdraw', bridgeId: 2 } as const;
    for (const message of [routes, withdrawal, routes]) planes.post(message);
    expect(threads[0].heard).toEqual([serve(1)]);
    // After it was withdrawn nobody knows it.
    expect(threads[1].heard).toEqual([serve(2), routes, withdrawal]);
  });
});

describe('sessions', () => {
  const pong = (session: number): FromDataPlane => ({ type: 'pong', session, bridgeId: 1 });

  test('have one number outside and their own within their thread', () => {
    for (const [i, thread] of threads.entries()) {
      for (const session of [1, 2])
        thread.emit('message', { ...pong(session), bridgeId: i } as FromDataPlane);
    }
    const sessions = told.map((message) => ('session' in message ? message.session : -1));
    expect(new Set(sessions).size).toBe(4);
    for (const session of sessions) planes.post({ type: 'ping', session });
    for (const { heard } of threads) {
      expect(heard).toEqual([
        { type: 'ping', session: 1 },
        { type: 'ping', session: 2 },
      ]);
    }
  });
});

describe('what concerns all', () => {
  test('is heard by all, and they are closed together', async () => {
    for (const type of ['drain', 'cut'] as const) planes.post({ type });
    await planes.close();
    for (const { heard, closed } of threads) {
      expect({ heard, closed }).toEqual({ heard: [{ type: 'drain' }, { type: 'cut' }], closed: true });
    }
  });

  test('is answered once, with the answers of all', () => {
    const counted = (id: number, relays: number, bridgeId: number): FromDataPlane => ({
      type: 'counted',
      id,
      relays,
      byBridge: [{ bridgeId, relays }],
    });
    threads[0].emit('message', counted(1, 3, 10));
    threads[0].emit('message', counted(2, 4, 10));
    expect(told).toEqual([]);
    threads[1].emit('message', counted(1, 5, 11));
    threads[1].emit('message', counted(2, 0, 11));
    expect(told).toEqual([
      {
        type: 'counted',
        id: 1,
        relays: 8,
        byBridge: [
          { bridgeId: 10, relays: 3 },
          { bridgeId: 11, relays: 5 },
        ],
      },
      {
        type: 'counted',
        id: 2,
        relays: 4,
        byBridge: [
          { bridgeId: 10, relays: 4 },
          { bridgeId: 11, relays: 0 },
        ],
      },
    ]);
  });

  test('lists and sums are joined, each with its own', () => {
    threads[0].emit('message', { type: 'listed', id: 1, relays: Float64Array.of(1, 2) });
    threads[0].emit('message', { type: 'summed', id: 1, sums: Float64Array.of(3) });
    threads[1].emit('message', { type: 'summed', id: 1, sums: Float64Array.of(4, 5) });
    threads[1].emit('message', { type: 'listed', id: 1, relays: Float64Array.of() });
    expect(told).toEqual([
      { type: 'summed', id: 1, sums: Float64Array.of(3, 4, 5) },
      { type: 'listed', id: 1, relays: Float64Array.of(1, 2) },
    ]);
  });

  test('what is said of a bridge by its number is passed on as it is', () => {
    threads[1].emit('message', { type: 'forgotten', bridgeId: 7 });
    expect(told).toEqual([{ type: 'forgotten', bridgeId: 7 }]);
  });

  test('they are drained when the last one is, however often one says so', () => {
    threads[0].emit('message', { type: 'drained' });
    threads[0].emit('message', { type: 'drained' });
    expect(told).toEqual([]);
    threads[1].emit('message', { type: 'drained' });
    expect(told).toEqual([{ type: 'drained' }]);
  });

  test('the death of one is the death of all: it is told when the others have ended', async () => {
    const deaths: unknown[] = [];
    planes.on('died', (error) => deaths.push(error, ...threads.map(({ closed }) => closed)));
    threads[1].emit('died', new Error('gone'));
    await expect.poll(() => deaths).toEqual([new Error('gone'), true, true]);
  });
});
