import { openSync, statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { close, eventfd } from '../../../src/linux/descriptor.ts';
import { addressOf, cFunction, check } from '../../../src/linux/ffi.ts';
import { listeningSocketFault } from '../../../src/linux/listening-socket-check.ts';
import { tcpListen, tcpSocket } from '../../../src/linux/tcp-socket.ts';
import { seqpacketListen } from '../../../src/linux/unix-socket.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';
import { SERVICE_ADDRESS } from '../../../src/model/names.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { inNetns, openDescriptors, tcpPair } from '../../unit/linux/endpoints.ts';
import { netnsOf } from './waiting.ts';

const PORT = 5030;
const SERVICE = parseIpv4(SERVICE_ADDRESS);
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_TCP = 6;
const IPPROTO_MPTCP = 262;
const IPPROTO_IPV6 = 41;
const SOL_IP = 0;
const IP_FREEBIND = 15;
const NONBLOCK = 0o4000;

const cSocket = cFunction('int socket(int, int, int)');
const cBind = cFunction('int bind(int, uintptr_t, unsigned int)');
const cListen = cFunction('int listen(int, int)');
const cSetsockopt = cFunction('int setsockopt(int, int, int, uintptr_t, unsigned int)');

let here: Sandbox;
let elsewhere: Sandbox;
let sockets = 0;
beforeAll(async () => {
  [here, elsewhere] = await Promise.all([Sandbox.create(), Sandbox.create()]);
});
afterAll(() => Promise.all([here.close(), elsewhere.close()]));

/** What is said of a descriptor that `make` gives, from within the netns of `here`. */
function faultOf(make: () => number, space = here): string | undefined {
  const fd = inNetns(netnsOf(space), make);
  try {
    return listeningSocketFault(fd, PORT, statSync(netnsOf(here)).ino);
  } finally {
    close(fd);
  }
}

function socketOf(family: number, type: number, protocol: number, sockaddr?: Buffer): number {
  const fd = check('socket', cSocket(family, type, protocol));
  if (sockaddr === undefined) return fd;
  const one = nativeBuffer(Buffer.of(1, 0, 0, 0));
  check(
    'setsockopt',
    cSetsockopt(
      fd,
      family === AF_INET ? SOL_IP : IPPROTO_IPV6,
      family === AF_INET ? IP_FREEBIND : 78,
      addressOf(one),
      4,
    ),
  );
  const native = nativeBuffer(sockaddr);
  check('bind', cBind(fd, addressOf(native), native.length));
  return fd;
}

function nativeBuffer(bytes: Buffer): Buffer {
  const native = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(native);
  return native;
}

/** struct sockaddr_in of 169.254.16.9:5030. */
const INET = Buffer.from([AF_INET, 0, PORT >> 8, PORT & 255, 169, 254, 16, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
/** struct sockaddr_in6 of [::ffff:169.254.16.9]:5030. */
const MAPPED = Buffer.from([
  ...[AF_INET6, 0, PORT >> 8, PORT & 255, 0, 0, 0, 0],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 169, 254, 16, 9],
  ...[0, 0, 0, 0],
]);

function listening(fd: number): number {
  check('listen', cListen(fd, 1));
  return fd;
}

test('nothing is wrong with the socket of a listener', () => {
  expect(faultOf(() => tcpListen(SERVICE, PORT, 1))).toBeUndefined();
});

test.each<[string, () => number, string]>([
  ['a file', () => openSync('/etc/passwd', 'r'), 'is no socket (ENOTSOCK)'],
  ['a directory', () => openSync('/', 'r'), 'is no socket (ENOTSOCK)'],
  ['an eventfd', eventfd, 'is no socket (ENOTSOCK)'],
  ['a namespace', () => openSync('/proc/self/ns/net', 'r'), 'is no socket (ENOTSOCK)'],
  ['nothing', () => 1_000_000, 'is no socket (EBADF)'],
  ['a UDP socket', () => socketOf(AF_INET, SOCK_DGRAM | NONBLOCK, 0, INET), 'is no TCP socket'],
  ['a unix socket', () => seqpacketListen(here.path(`/run/test/${++sockets}`), 1), 'is no TCP socket'],
  ['a raw socket', () => socketOf(AF_INET, 3, 1), 'is no TCP socket'],
  ['a fresh TCP socket', tcpSocket, 'does not listen'],
  [
    'a bound TCP socket',
    () => socketOf(AF_INET, SOCK_STREAM | NONBLOCK, IPPROTO_TCP, INET),
    'does not listen',
  ],
  ['all addresses', () => tcpListen(0, PORT, 1), `listens on 0.0.0.0:${PORT}`],
  ['another address', () => tcpListen(parseIpv4('10.0.0.1'), PORT, 1), `listens on 10.0.0.1:${PORT}`],
  ['another port', () => tcpListen(SERVICE, 80, 1), 'listens on 169.254.16.9:80'],
  [
    'IPv6 that takes IPv4',
    () => listening(socketOf(AF_INET6, SOCK_STREAM | NONBLOCK, IPPROTO_TCP, MAPPED)),
    'is not of IPv4',
  ],
  ['one that blocks', () => listening(socketOf(AF_INET, SOCK_STREAM, IPPROTO_TCP, INET)), 'would block'],
])('%s', (_what, make, fault) => {
  expect(faultOf(make)).toBe(fault);
});

test('a connection', () => {
  const { client, server } = tcpPair();
  expect(faultOf(() => client)).toBe('does not listen');
  expect(faultOf(() => server)).toBe('does not listen');
});

test('multipath TCP, where the kernel has it', () => {
  const fd = cSocket(AF_INET, SOCK_STREAM | NONBLOCK, IPPROTO_MPTCP);
  // Without it the kernel can't make the socket that this would be about.
  if (fd >= 0) expect(faultOf(() => fd)).toBe('is no TCP socket');
  else expect(fd).toBe(-1);
});

test('another network namespace, where everything else is right', () => {
  expect(faultOf(() => tcpListen(SERVICE, PORT, 1), elsewhere)).toBe('is of another network namespace');
});

test('looking leaves no descriptor open', () => {
  const before = openDescriptors();
  for (let i = 0; i < 10; i += 1) faultOf(() => tcpListen(SERVICE, PORT, 1));
  expect(openDescriptors()).toEqual(before);
});
