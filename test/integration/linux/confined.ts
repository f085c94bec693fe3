import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { cFunction, errnoName, errnoOf } from '../../../src/linux/ffi.ts';
import { denySystemCalls } from '../../../src/linux/seccomp.ts';
import { localPort, parseIpv4, seqpacketConnect, tcpListen } from '../../../src/linux/socket.ts';

/** Runs where it can do no harm: tries what a listener must not be able to do, and what it must, after the filter is set. */
const cSocket = cFunction('int socket(int, int, int)');
const cKill = cFunction('int kill(int, int)');
const cTgkill = cFunction('int tgkill(int, int, int)');
const cUnshare = cFunction('int unshare(int)');
const cPtrace = cFunction('long ptrace(long, long, uintptr_t, uintptr_t)');

const call = (result: number): string => (result >= 0 ? 'done' : errnoName(errnoOf()));
const attempt = (task: () => unknown): string => {
  try {
    task();
    return 'done';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
};

const parent = process.ppid;
const CLONE_NEWUSER = 0x1000_0000;
const AF = { unix: 1, inet: 2, inet6: 10, netlink: 16, packet: 17 };
const SOCK = { stream: 1, dgram: 2, raw: 3 };

const before = { open: attempt(() => readFileSync('/etc/passwd')), signal: call(cKill(parent, 0)) };
const undone = denySystemCalls();
const denied = {
  open: attempt(() => readFileSync('/etc/passwd')),
  spawn: String((spawnSync('true').error as NodeJS.ErrnoException | undefined)?.code ?? 'done'),
  signal: call(cKill(parent, 0)),
  'signal to a thread': call(cTgkill(parent, parent, 0)),
  'signal to all': call(cKill(-1, 0)),
  'user namespace': call(cUnshare(CLONE_NEWUSER)),
  ptrace: call(cPtrace(16, parent, 0, 0)),
  udp: call(cSocket(AF.inet, SOCK.dgram, 0)),
  raw: call(cSocket(AF.inet, SOCK.raw, 1)),
  ipv6: call(cSocket(AF.inet6, SOCK.stream, 0)),
  netlink: call(cSocket(AF.netlink, SOCK.raw, 0)),
  packet: call(cSocket(AF.packet, SOCK.raw, 0)),
};
const allowed = {
  'signal to itself': call(cTgkill(process.pid, process.pid, 0)),
  'unix socket': call(cSocket(AF.unix, SOCK.stream, 0)),
  'unix connection to nobody': errnoName(-seqpacketConnect('/nowhere')),
  listen: attempt(() => localPort(tcpListen(parseIpv4('127.0.0.1'), 0, 1))),
};
new Worker('require("node:worker_threads").parentPort.postMessage(1)', { eval: true })
  .once('message', () => console.log(JSON.stringify({ before, undone, denied, allowed, thread: 'done' })))
  .once('error', (error) =>
    console.log(JSON.stringify({ before, undone, denied, allowed, thread: String(error) })),
  );
