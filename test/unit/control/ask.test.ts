import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askForwarder, readAnswer } from '../../../src/control/ask.ts';
import { REQUEST_BYTES } from '../../../src/control/bounds.ts';
import { type AnswerOf, OPERATIONS, type Operation } from '../../../src/control/operations.ts';
import { failedJson } from '../../../src/control/report.ts';
import { type Handlers, startControlServer } from '../../../src/control/server.ts';
import { TproxyError } from '../../../src/errors.ts';
import { DEFAULT_SETTINGS } from '../../../src/model/settings.ts';
import type { RelayList, Stats } from '../../../src/model/stats.ts';

const STATS = {
  stats: 1,
  health: { pid: 7 },
  bridges: [{ bridge: 'br0', services: [] }],
} as unknown as Stats;
const RELAYS: RelayList = { stats: 1, pid: 7, relays: [] };
const SYNCED: AnswerOf<'sync'> = {
  bridges: [
    { bridge: 'br0' },
    { bridge: 'br1', trouble: { what: 'bridge br1: no netns; none at all', remedy: 'deploy a VM' } },
    { bridge: 'br2', trouble: { what: 'gone' } },
  ],
  served: 3,
  warnings: ['metrics are not served'],
};
const HANDLERS: Handlers = {
  sync: async () => SYNCED,
  serves: async ({ bridge, endpoints }) => ({ served: bridge === 'br0' && endpoints.length === 2000 }),
  prepare: async () => ({}),
  yield: async () => {
    throw new TproxyError('nft -j: broken; pipe', { remedy: 'run it again' });
  },
  count: async () => ({ relays: 2, bridges: [{ bridge: 'br0', relays: 2 }] }),
  stats: async () => STATS,
  relays: async () => RELAYS,
};

let directory: string;
let path: string;
let server: Server | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'control-'));
  path = join(directory, 'control.sock');
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(directory, { recursive: true });
});

/** A forwarder that answers with `text`, whatever it is asked. */
async function foreign(text: string): Promise<void> {
  const made = createServer((socket) => socket.once('data', () => socket.end(text)));
  server = made;
  await new Promise<void>((resolve) => made.listen(path, resolve));
}

test('each operation is answered with what it is answered with', async () => {
  server = await startControlServer(HANDLERS, path);
  const endpoints = Array.from({ length: 2000 }, (_, i) => ({
    servicePort: i + 1,
    upstream: { address: '10.0.0.1', port: 80 },
  }));
  const serves = { bridge: 'br0', endpoints, settings: DEFAULT_SETTINGS };
  expect(await askForwarder('sync', { settings: DEFAULT_SETTINGS }, { path })).toEqual(SYNCED);
  expect(await askForwarder('serves', serves, { path })).toEqual({ served: true });
  expect(await askForwarder('serves', { ...serves, bridge: 'br1' }, { path })).toEqual({ served: false });
  expect(await askForwarder('prepare', {}, { path })).toEqual({});
  expect(await askForwarder('count', {}, { path })).toEqual(await HANDLERS.count({}));
  expect(await askForwarder('stats', { byGuest: false }, { path })).toEqual(STATS);
  expect(await askForwarder('relays', {}, { path })).toEqual(RELAYS);
});

test('what the forwarder could not do is told in its parts', async () => {
  server = await startControlServer(HANDLERS, path);
  await expect(askForwarder('yield', {}, { path })).rejects.toMatchObject({
    code: 'REFUSED',
    what: 'nft -j: broken; pipe',
    remedy: 'run it again',
  });
});

test('nobody there is no error, a hang-up and silence are', async () => {
  expect(await askForwarder('count', {}, { path })).toBeUndefined();
  await foreign('');
  await expect(askForwarder('count', {}, { path })).rejects.toMatchObject({ code: 'HUNG_UP' });
  server?.close();
  const silent = createServer(() => undefined);
  server = silent;
  await new Promise<void>((resolve) => silent.listen(path, resolve));
  await expect(askForwarder('count', {}, { path, timeoutMs: 50 })).rejects.toMatchObject({
    code: 'NO_ANSWER',
  });
});

test('a request that is too big is answered with a clear error', async () => {
  server = await startControlServer(HANDLERS, path);
  const heard = await new Promise<string>((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('end', () => resolve(text));
    socket.write(`{"op":"count","x":"${'x'.repeat(2 * REQUEST_BYTES)}"}\n`);
  });
  expect(() => readAnswer('count', heard)).toThrow(
    expect.objectContaining({
      code: 'REFUSED',
      what: expect.stringMatching(/^control socket: request has \d+ bytes, at most \d+ fit$/),
      remedy: 'configure fewer services',
    }),
  );
});

describe('an answer of another version', () => {
  test.each<[Operation, object]>([
    ['sync', { ok: true }],
    ['sync', { ok: true, bridges: [{ error: 7 }] }],
    ['serves', {}],
    ['count', { ok: true, bridges: [] }],
    ['count', { relays: 1, bridges: {} }],
    ['stats', { ...STATS, stats: 2 }],
    ['stats', { stats: 1, bridges: [] }],
    ['relays', { stats: 1 }],
  ])('to %s says what to do: %j', (op, answer) => {
    expect(() => readAnswer(op, JSON.stringify(answer))).toThrow(
      expect.objectContaining({ code: 'OTHER_VERSION', remedy: 'run tproxy restart' }),
    );
  });

  // As the version before this one wrote them.
  test.each<[Operation, object, object]>([
    [
      'sync',
      { ok: true, bridges: [{ bridge: 'br0' }], warnings: [] },
      { bridges: [{ bridge: 'br0' }], served: 1, warnings: [] },
    ],
    ['sync', { ok: true, bridges: [], served: 0 }, { bridges: [], served: 0, warnings: [] }],
    [
      'sync',
      { ok: false, bridges: [{ bridge: 'br0', error: 'a; b' }], served: 2 },
      { bridges: [{ bridge: 'br0', trouble: { what: 'a; b' } }], served: 2, warnings: [] },
    ],
    ['serves', { ok: false, bridges: [] }, { served: false }],
    ['prepare', { ok: true, bridges: [{ bridge: 'br0' }] }, {}],
    ['yield', { ok: true, bridges: [] }, {}],
    ['count', { ok: true, bridges: [], relays: 3 }, { bridges: [], relays: 3 }],
  ])('is understood where it can be: %s %j', (op, answer, read) => {
    expect(readAnswer(op, JSON.stringify(answer))).toEqual(read);
  });

  test('and ours has what older versions read', () => {
    expect(OPERATIONS.sync.answerJson(SYNCED)).toMatchObject({
      ok: false,
      bridges: [
        { bridge: 'br0' },
        { error: 'bridge br1: no netns; none at all; deploy a VM' },
        { error: 'gone' },
      ],
    });
    expect(failedJson({ failed: { what: 'a', remedy: 'b' } })).toMatchObject({
      ok: false,
      error: 'a; b',
      bridges: [],
    });
    expect(OPERATIONS.yield.answerJson({})).toEqual({ ok: true, bridges: [] });
  });
});
