import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { allocate, cFunction, errnoName, errnoOf } from '../../../src/linux/ffi.ts';
import { denySystemCalls } from '../../../src/linux/seccomp.ts';
import { accept, shutdownWrite, tcpListen } from '../../../src/linux/tcp-socket.ts';
import { seqpacketConnect } from '../../../src/linux/unix-socket.ts';
import { parseIpv4 } from '../../../src/model/ipv4.ts';
import { localPort } from '../../unit/linux/endpoints.ts';

/** Runs where it can do no harm: tries what a listener must not be able to do, and what it must, after the filter is set. */
const cSocket = cFunction('int socket(int, int, int)');
const cKill = cFunction('int kill(int, int)');
const cTgkill = cFunction('int tgkill(int, int, int)');
const cUnshare = cFunction('int unshare(int)');
const cFcntl = cFunction('int fcntl(int, int, long)');
const cIoctl = cFunction('int ioctl(int, unsigned long, uintptr_t)');
const cPrlimit = cFunction('int prlimit(int, int, uintptr_t, uintptr_t)');
const cSetpriority = cFunction('int setpriority(int, int, int)');
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

const F_SETFL = 4;
const F_SETOWN = 8;
const F_SETOWN_EX = 15;
const F_OWNER_PID = 1;
const SIOCSPGRP = 0x8902;
const RLIMIT_CPU = 0;
const RLIMIT_NOFILE = 7;
const O_NONBLOCK = 0o4000;
const FIONBIO = 0x5421;

const listening = tcpListen(parseIpv4('127.0.0.1'), 0, 1);
const zero = allocate(4);
const limit = allocate(16);
/** A process of the same user; it ends with this one. */
const neighbour = spawn('setpriv', ['--pdeathsig', 'KILL', 'sleep', '60'], { stdio: 'ignore' });
neighbour.unref();
const other = neighbour.pid ?? 0;
const owner = allocate(8);
owner.view.setInt32(0, F_OWNER_PID, true);
owner.view.setInt32(4, other, true);
/** What a process can do to others of its user besides signalling them. */
const others = () => ({
  'signals of a descriptor': call(cFcntl(listening, F_SETOWN, other)),
  'signals of a descriptor, the newer way': call(cFcntl(listening, F_SETOWN_EX, owner.address)),
  'signals of a descriptor, by ioctl': call(cIoctl(listening, SIOCSPGRP, owner.address + 4)),
  'limits of others': call(cPrlimit(other, RLIMIT_CPU, 0, limit.address)),
  'priority of others': call(cSetpriority(0, other, 1)),
});
const before = {
  open: attempt(() => readFileSync('/etc/passwd')),
  signal: call(cKill(parent, 0)),
  ...others(),
};
const undone = denySystemCalls();
const denied = {
  open: attempt(() => readFileSync('/etc/passwd')),
  spawn: String(
    (spawnSync('true', { stdio: 'ignore' }).error as NodeJS.ErrnoException | undefined)?.code ?? 'done',
  ),
  signal: call(cKill(parent, 0)),
  'signal to a thread': call(cTgkill(parent, parent, 0)),
  'signal to all': call(cKill(-1, 0)),
  ...others(),
  'user namespace': call(cUnshare(CLONE_NEWUSER)),
  ptrace: call(cPtrace(16, parent, 0, 0)),
  udp: call(cSocket(AF.inet, SOCK.dgram, 0)),
  raw: call(cSocket(AF.inet, SOCK.raw, 1)),
  ipv6: call(cSocket(AF.inet6, SOCK.stream, 0)),
  netlink: call(cSocket(AF.netlink, SOCK.raw, 0)),
  packet: call(cSocket(AF.packet, SOCK.raw, 0)),
  accept: errnoName(-accept(listening)),
  shutdown: errnoName(-shutdownWrite(listening)),
  'a blocking socket': call(cFcntl(listening, F_SETFL, 0)),
  'a blocking socket, by ioctl': call(cIoctl(listening, FIONBIO, zero.address)),
};
const allowed = {
  'a non-blocking socket': call(cFcntl(listening, F_SETFL, O_NONBLOCK)),
  'signal to itself': call(cTgkill(process.pid, process.pid, 0)),
  'limits of its own': call(cPrlimit(0, RLIMIT_NOFILE, 0, limit.address)),
  'unix socket': call(cSocket(AF.unix, SOCK.stream, 0)),
  'unix connection to nobody': errnoName(-seqpacketConnect('/nowhere')),
  listen: attempt(() => localPort(tcpListen(parseIpv4('127.0.0.1'), 0, 1))),
};
// Not by way of process.stdout, which would be made non-blocking when it is used first.
const tell = (result: { readonly thread: string }) =>
  writeSync(1, JSON.stringify({ before, undone, denied, allowed, ...result }));
new Worker('require("node:worker_threads").parentPort.postMessage(1)', {
  eval: true,
  stdout: true,
  stderr: true,
})
  .once('message', () => tell({ thread: 'done' }))
  .once('error', (error) => tell({ thread: String(error) }));
