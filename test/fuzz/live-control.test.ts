import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REQUEST_BYTES } from '../../src/control/bounds.ts';
import { type Handlers, startControlServer } from '../../src/control/server.ts';
import { seeded } from '../unit/config/random.ts';
import { mutated } from './mutate.ts';
import { control } from './targets/messages.ts';

const ROUNDS = 300;

const directory = mkdtempSync(join(tmpdir(), 'tproxy-control-'));
const path = join(directory, 'control.sock');
const asked: string[] = [];
let server: Server;
beforeAll(async () => {
  const heard = (op: string) => async () => {
    asked.push(op);
    return { bridges: [], served: 0, relays: 0, warnings: [] };
  };
  const words = ['sync', 'serves', 'prepare', 'yield', 'count', 'stats', 'relays'];
  server = await startControlServer(
    Object.fromEntries(words.map((op) => [op, heard(op)])) as unknown as Handlers,
    path,
  );
});
afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

/** Says `pieces`, ends or breaks off, and resolves with all that is heard. */
function say(pieces: readonly (string | Buffer)[], breaksOff = false): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect(path);
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      heard += text;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
    for (const piece of pieces) socket.write(piece);
    if (breaksOff) socket.end(() => socket.destroy());
    else socket.end();
  });
}

test('is open to its owner alone', () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('whatever is said, it is answered or cut off, and the next one is heard', async () => {
  const random = seeded(3);
  const before = asked.length;
  for (let round = 0; round < ROUNDS; round += 1) {
    const sample = random.pick(control.samples);
    const text = `${mutated(sample, sample, control.words, random)}${random.below(3) === 0 ? '' : '\n'}`;
    const cut = random.below(text.length + 1);
    const heard = await say(
      [text.slice(0, cut), Buffer.from(text.slice(cut), 'latin1')].filter((piece) => piece.length > 0),
      random.below(4) === 0,
    );
    if (heard !== '') expect(JSON.parse(heard)).toHaveProperty('bridges');
  }
  expect(asked.length).toBeGreaterThan(before);
  expect(JSON.parse(await say(['{"op":"count"}\n']))).toMatchObject({ relays: 0, bridges: [] });
  expect(asked.at(-1)).toBe('count');
});

test('a request without end is refused, and not heard to its end', async () => {
  const before = asked.length;
  const heard = JSON.parse(await say([`{"op":"count","x":"${'x'.repeat(REQUEST_BYTES)}`, '"}\n']));
  expect(heard.error).toMatch(/^control socket: request has \d+ bytes, at most \d+ fit; /);
  expect(asked.length).toBe(before);
});
