import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { close } from '../../../src/linux/descriptor.ts';
import { incoming, receiveMessage } from '../../../src/linux/descriptor-passing.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { peerCredentials, seqpacketListen } from '../../../src/linux/unix-socket.ts';
import { Sandbox } from '../../support/sandbox.ts';
import {
  acceptNow,
  dial,
  inNetns,
  localPort,
  receiveBytes,
  receiveText,
  sendBytes,
} from '../../unit/linux/endpoints.ts';
import { type Bundle, bundle } from './bundle.ts';
import { netnsOf, until } from './waiting.ts';

let box: Sandbox;
let program: Bundle;
beforeAll(async () => {
  [box, program] = await Promise.all([Sandbox.create(), bundle(new URL('acceptor.ts', import.meta.url))]);
});
afterAll(async () => {
  await box.close();
  program.remove();
});

test('a connection accepted in another network namespace is read, written and closed here', async () => {
  const path = join(program.directory, 'socket');
  const listening = seqpacketListen(path, 4);
  const child = box.spawn([process.execPath, program.file, path]);
  const link = await until('the link', () => acceptNow(listening));
  const descriptors: number[] = [];
  const length = await until('the message', () => {
    const n = receiveMessage(link, descriptors);
    return n === -Errno.EAGAIN ? undefined : n;
  });
  const { port, pid } = JSON.parse(incoming.bytes.toString('utf8', 0, length));
  expect(descriptors).toHaveLength(1);
  const [connection = -1] = descriptors;

  // Who says so is told by the kernel, in the numbers of our process namespace.
  const credentials = peerCredentials(link);
  expect(credentials.uid).toBe(0);
  expect(credentials.pid).not.toBe(pid);
  expect(readlinkSync(`/proc/${credentials.pid}/exe`)).toBe(process.execPath);

  // The port exists there and not here.
  expect(localPort(connection)).toBe(port);
  const here = dial(port);
  const there = inNetns(netnsOf(box), () => dial(port));
  const answer = await until('an answer', () => {
    const got = receiveBytes(here);
    return got === -Errno.EAGAIN ? undefined : got;
  });
  expect(answer).toBe(-Errno.ECONNREFUSED);
  expect(receiveBytes(there)).toBe(-Errno.EAGAIN);

  expect(receiveText(connection, 11)).toBe('from inside');
  sendBytes(connection, Buffer.from('from outside'));
  await child.waitFor(/^from outside$/m);
  close(connection);
  await child.waitFor(/^end 0$/m);
  expect(await child.end()).toBe(0);
  for (const fd of [listening, link, here, there]) close(fd);
});
