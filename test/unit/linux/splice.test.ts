import { afterEach, describe, expect, test } from 'vitest';
import { close } from '../../../src/linux/descriptor.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { closePipe, openPipe, type Pipe, splice } from '../../../src/linux/splice.ts';
import { shutdownWrite } from '../../../src/linux/tcp-socket.ts';
import {
  limitBuffers,
  openDescriptors,
  receiveEnd,
  receiveText,
  reset,
  sendBytes,
  spin,
  tcpPair,
  withFewDescriptors,
} from './endpoints.ts';

const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
});

function pair(): { client: number; server: number } {
  const ends = tcpPair();
  opened.push(ends.client, ends.server);
  return ends;
}

function pipe(capacity = 65536): Pipe {
  const made = openPipe(capacity);
  if (typeof made === 'number') throw new Error(`no pipe: ${made}`);
  opened.push(made.readEnd, made.writeEnd);
  return made;
}

/** Splices until it is no longer -EAGAIN. */
function spliceSoon(from: number, to: number, length: number): number {
  return spin('bytes to splice', () => {
    const n = splice(from, to, length);
    return n === -Errno.EAGAIN ? undefined : n;
  });
}

describe('splice', () => {
  test('moves bytes from socket to pipe to socket', () => {
    const [a, b, through] = [pair(), pair(), pipe()];
    sendBytes(a.client, Buffer.from('straight on'));
    expect(spliceSoon(a.server, through.writeEnd, 1 << 20)).toBe(11);
    expect(splice(through.readEnd, b.client, 11)).toBe(11);
    expect(receiveText(b.server, 11)).toBe('straight on');
  });

  test('a dry source is -EAGAIN, a finished one 0, also after the last bytes', () => {
    const [a, through] = [pair(), pipe()];
    expect(splice(a.server, through.writeEnd, 4096)).toBe(-Errno.EAGAIN);
    sendBytes(a.client, Buffer.from('end'));
    shutdownWrite(a.client);
    expect(spliceSoon(a.server, through.writeEnd, 4096)).toBe(3);
    expect(spliceSoon(a.server, through.writeEnd, 4096)).toBe(0);
  });

  test('a full pipe is -EAGAIN, although the source has more', () => {
    const [a, through] = [pair(), pipe(4096)];
    const chunk = Buffer.alloc(256 * 1024);
    for (let n = 0; n >= 0; n = sendBytes(a.client, chunk));
    let held = 0;
    let result = 0;
    while (result >= 0) {
      held += result;
      result = splice(a.server, through.writeEnd, 1 << 20);
    }
    expect(result).toBe(-Errno.EAGAIN);
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(65536);
  });

  test('a full sink is -EAGAIN and what did not fit stays in the pipe', () => {
    const [a, b, through] = [pair(), pair(), pipe(1 << 20)];
    limitBuffers(b.client, 4096);
    const chunk = Buffer.alloc(256 * 1024, 'z');
    let held = 0;
    while (held < 200_000) {
      sendBytes(a.client, chunk);
      held += Math.max(0, splice(a.server, through.writeEnd, 1 << 20));
    }
    let passed = 0;
    let result = 0;
    while (result >= 0) {
      passed += result;
      result = splice(through.readEnd, b.client, held - passed);
      if (passed === held) break;
    }
    expect(result).toBe(-Errno.EAGAIN);
    expect(passed).toBeLessThan(held);
    receiveText(b.server, Math.min(passed, 2000));
  });

  test('a source that was reset is -ECONNRESET, a sink that was -EPIPE, both without a signal', () => {
    const [a, b, through] = [tcpPair(), tcpPair(), pipe()];
    sendBytes(a.client, Buffer.from('x'));
    expect(spliceSoon(a.server, through.writeEnd, 10)).toBe(1);
    reset(a.client);
    expect(spliceSoon(a.server, through.writeEnd, 10)).toBe(-Errno.ECONNRESET);
    reset(b.server);
    expect(receiveEnd(b.client)).toBe(-Errno.ECONNRESET);
    expect(splice(through.readEnd, b.client, 1)).toBe(-Errno.EPIPE);
    close(a.server);
    close(b.client);
  });
});

describe('openPipe', () => {
  test('two descriptors, given back by closePipe', () => {
    const before = openDescriptors();
    const made = openPipe(1 << 20);
    if (typeof made === 'number') throw new Error(`no pipe: ${made}`);
    expect(openDescriptors()).toBe(before + 2);
    closePipe(made);
    expect(openDescriptors()).toBe(before);
  });

  test.each([0, 1])('-EMFILE when only %i descriptors are left, and none is used up', (spare) => {
    const before = openDescriptors();
    withFewDescriptors(spare, () => expect(openPipe(4096)).toBe(-Errno.EMFILE));
    expect(openDescriptors()).toBe(before);
  });
});
