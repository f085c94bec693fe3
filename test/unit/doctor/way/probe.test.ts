import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { parseTcpSockets } from '../../../../src/doctor/look/sockets.ts';
import { isTaken, PROBES_AT_ONCE, probe, probingMs } from '../../../../src/doctor/way/probe.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function serve(greet: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    greet(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return address.port;
}

function ask(port: number, silenceMs: number, sockets = '') {
  return probe({ address: '127.0.0.1', port, connectMs: 10_000, silenceMs }, () => parseTcpSockets(sockets));
}

describe('a server', () => {
  test('that speaks first', async () => {
    const port = await serve((socket) => socket.write('220 ready\r\n'));
    expect(await ask(port, 10_000)).toMatchObject({ port, outcome: 'answered', taken: true });
  });

  test('that hangs up when nothing comes', async () => {
    const port = await serve((socket) => {
      socket.on('end', () => socket.end()).resume();
    });
    expect(await ask(port, 10_000)).toMatchObject({ outcome: 'ended', taken: true });
  });

  test('that breaks off', async () => {
    const port = await serve((socket) => socket.resetAndDestroy());
    expect(await ask(port, 10_000)).toMatchObject({ outcome: 'reset', code: 'ECONNRESET', taken: true });
  });

  test('that waits', async () => {
    const port = await serve(() => undefined);
    expect(await ask(port, 30)).toMatchObject({ outcome: 'silent', taken: false });
  });

  test('that is not there', async () => {
    const port = await serve(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect(await ask(port, 30)).toMatchObject({ outcome: 'error', code: 'ECONNREFUSED', taken: false });
  });
});

// `cat /proc/net/tcp` in a namespace with a listening socket, and a connection to it that nobody has accepted.
const WAITING = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0910FEA9:13A6 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 18164916 2 00000000a1f3163b 100 0 0 10 0
   1: 0910FEA9:B410 0910FEA9:13A6 01 00000000:00000000 00:00000000 00000000     0        0 18164918 2 000000004e754f3c 20 0 0 10 -1
   2: 0910FEA9:13A6 0910FEA9:B410 01 00000000:00000000 00:00000000 00000000     0        0 0 1 00000000abf0c7d4 20 0 0 10 -1
`;

test('sockets of /proc/net/tcp', () => {
  expect(parseTcpSockets(WAITING)).toEqual([
    { local: '169.254.16.9:5030', remote: '0.0.0.0:0', listening: true, inode: 18164916 },
    { local: '169.254.16.9:46096', remote: '169.254.16.9:5030', listening: false, inode: 18164918 },
    { local: '169.254.16.9:5030', remote: '169.254.16.9:46096', listening: false, inode: 0 },
  ]);
  expect(parseTcpSockets('')).toEqual([]);
});

test('a connection in the queue has not been taken', () => {
  const [service, local] = ['169.254.16.9:5030', '169.254.16.9:46096'];
  expect(isTaken(parseTcpSockets(WAITING), service, local)).toBe(false);
  expect(
    isTaken(parseTcpSockets(WAITING.replace(' 0 1 00000000abf', ' 77 1 00000000abf')), service, local),
  ).toBe(true);
  expect(isTaken([], service, local)).toBe(false);
});

test.each([
  [0, 0],
  [1, 2300],
  [PROBES_AT_ONCE, 2300],
  [PROBES_AT_ONCE + 1, 4600],
  [2000, 18_400],
])('%i connections may take %i ms', (count, ms) => {
  expect(probingMs(count)).toBe(ms);
});
