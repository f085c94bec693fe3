import {
  encode,
  ifAtLeast,
  ifEqual,
  load,
  mask,
  type Program,
  unlessAnyBit,
  unlessEqual,
  verdict,
} from './bpf.ts';
import { O_NONBLOCK } from './descriptor.ts';
import { Errno } from './errno.ts';
import { addressOf, cFunction, errnoName, errnoOf } from './ffi.ts';
import { AF_INET, AF_UNIX, SOCK_STREAM } from './socket-calls.ts';
import { MACHINES, type Machine, type SystemCall } from './system-calls.ts';

const cSyscall = cFunction('long syscall(long, long, long, uintptr_t)');

const SECCOMP_SET_MODE_FILTER = 1;
/** All threads of the process, those that exist already included. */
const SECCOMP_FILTER_FLAG_TSYNC = 1;

const ALLOW = verdict(0x7fff_0000);
const KILL_PROCESS = verdict(0x8000_0000);
const ERRNO = 0x0005_0000;
const EPERM = verdict(ERRNO | Errno.EPERM);
const ENOSYS = verdict(ERRNO | Errno.ENOSYS);

// struct seccomp_data: number (4), architecture (4), instruction (8), six arguments of 8.
const NUMBER = load(0);
const ARCHITECTURE = load(4);
/** Lower half of an argument; the calls looked at take 32 bits. */
const argument = (index: number) => load(16 + 8 * index);

const SOCKET_TYPE_MASK = 0xf;
const CLONE_THREAD = 0x1_0000;
const F_SETFL = 4;
/** Who gets a signal when something happens at a descriptor: any process of the same user, and any signal. */
const F_SETOWN = 8;
const F_SETOWN_EX = 15;
const FIOSETOWN = 0x8901;
const SIOCSPGRP = 0x8902;
const FIONBIO = 0x5421;
/** Numbers above are those of the 32-bit ABI of x64. */
const X32 = 0x4000_0000;

/** Calls that fail whatever they ask for. */
const DENIED: Readonly<Record<string, readonly SystemCall[]>> = {
  'signals to others': ['kill', 'tkill', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo', 'pidfd_send_signal'],
  'memory of others': [
    ...(['ptrace', 'process_vm_readv', 'process_vm_writev', 'process_madvise', 'kcmp'] as const),
    ...(['migrate_pages', 'move_pages', 'get_robust_list'] as const),
  ],
  'processor time of others': [
    ...(['setpriority', 'ioprio_set', 'sched_setaffinity'] as const),
    ...(['sched_setattr', 'sched_setparam', 'sched_setscheduler'] as const),
  ],
  'descriptors of others': ['pidfd_open', 'pidfd_getfd'],
  programs: ['execve', 'execveat', 'fork', 'vfork'],
  files: ['open', 'openat', 'openat2', 'creat', 'open_tree', 'memfd_create'],
  'files by handle': ['name_to_handle_at', 'open_by_handle_at'],
  'connections, which are for the forwarder': ['accept', 'accept4', 'shutdown'],
  namespaces: ['unshare', 'setns', 'chroot'],
  keyrings: ['keyctl', 'add_key', 'request_key'],
  'requests past the filter': ['io_uring_setup', 'io_uring_enter', 'io_uring_register'],
  'parts of the kernel without use for it': ['bpf', 'perf_event_open', 'userfaultfd'],
};

/**
 * The filter for the process `pid`, which has nothing more to open, to start or to signal. What is named nowhere is allowed,
 * so that a new version of Node or glibc does not stop it: its sockets, memory, time, threads.
 */
export function listenerFilter(machine: Machine, pid: number): Program {
  /** `block` for this call; a machine that does not have it needs no rule. */
  const on = (call: SystemCall, block: Program): Program => {
    const number = machine.numberOf(call);
    return number === undefined ? [] : ifEqual(number, block);
  };
  return [
    ARCHITECTURE,
    ...unlessEqual(machine.audit, [KILL_PROCESS]),
    NUMBER,
    ...ifAtLeast(X32, [EPERM]),
    ...Object.values(DENIED)
      .flat()
      .flatMap((call) => on(call, [EPERM])),
    // glibc goes back to clone, whose flags can be looked at.
    ...on('clone3', [ENOSYS]),
    // A thread, not a process.
    ...on('clone', [argument(0), ...unlessAnyBit(CLONE_THREAD, [EPERM]), ALLOW]),
    // Signals to itself alone: that is how a process aborts.
    ...on('tgkill', [argument(0), ...unlessEqual(pid, [EPERM]), ALLOW]),
    // Limits of itself alone: one of processor time ends a process.
    ...on('prlimit64', [argument(0), ...ifEqual(0, [ALLOW]), ...unlessEqual(pid, [EPERM]), ALLOW]),
    // No socket becomes blocking: the forwarder's thread, which accepts on the same ones, would wait for its guests.
    ...on('fcntl', [
      argument(1),
      ...ifEqual(F_SETOWN, [EPERM]),
      ...ifEqual(F_SETOWN_EX, [EPERM]),
      ...ifEqual(F_SETFL, [argument(2), ...unlessAnyBit(O_NONBLOCK, [EPERM])]),
      ALLOW,
    ]),
    ...on('ioctl', [
      argument(1),
      ...[FIONBIO, FIOSETOWN, SIOCSPGRP].flatMap((request) => ifEqual(request, [EPERM])),
      ALLOW,
    ]),
    // Unix sockets, and TCP over IPv4.
    ...on('socket', [
      argument(0),
      ...ifEqual(AF_UNIX, [ALLOW]),
      ...unlessEqual(AF_INET, [EPERM]),
      argument(1),
      mask(SOCKET_TYPE_MASK),
      ...unlessEqual(SOCK_STREAM, [EPERM]),
      ALLOW,
    ]),
    ALLOW,
  ];
}

/**
 * Puts the filter on this process, all of its threads, for good: what it denies fails with EPERM. Needs no-new-privs or
 * root. Undefined, or why it could not be done.
 */
export function denySystemCalls(): string | undefined {
  const machine = MACHINES[process.arch];
  const seccomp = machine?.numberOf('seccomp');
  if (machine === undefined || seccomp === undefined) return `system calls of ${process.arch} are not known`;
  const program = listenerFilter(machine, process.pid);
  const code = encode(program);
  // struct sock_fprog: length (2 + 6), address of the program (8).
  const filter = Buffer.allocUnsafeSlow(16).fill(0);
  filter.writeUInt16LE(program.length, 0);
  filter.writeBigUInt64LE(BigInt(addressOf(code)), 8);
  const result = cSyscall(seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, addressOf(filter));
  if (result === 0) return undefined;
  return result < 0 ? `seccomp: ${errnoName(errnoOf())}` : 'seccomp: a thread has another filter';
}
