import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ControlRequest } from '../../src/control/ask.ts';
import { startControlServer } from '../../src/control/server.ts';
import { seeded } from '../unit/config/random.ts';
import { mutated } from './mutate.ts';
import { control } from './targets/messages.ts';

const ROUNDS = 300;

const directory = mkdtempSync(join(tmpdir(), 'tproxy-control-'));
const path = join(directory, 'control.sock');
const asked: ControlRequest[] = [];
let server: Server;
beforeAll(async () => {
  server = await startControlServer(async (request) => {
    asked.push(request);
    return { ok: true, bridges: [] };
  }, path);
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
    if (heard !== '') expect(JSON.parse(heard)).toHaveProperty('ok');
  }
  expect(asked.length).toBeGreaterThan(before);
  expect(JSON.parse(await say(['{"op":"count"}\n']))).toEqual({ ok: true, bridges: [] });
  expect(asked.at(-1)).toEqual({ op: 'count' });
});

test('a request without end is cut off', async () => {
  const before = asked.length;
  expect(await say([`{"op":"count","x":"${'x'.repeat(200_000)}`, '"}\n'])).toBe('');
  expect(asked.length).toBe(before);
});
