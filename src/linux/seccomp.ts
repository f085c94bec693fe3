import { addressOf, cFunction, errnoName, errnoOf } from './ffi.ts';

/**
 * A filter of system calls for a process that has nothing more to open, to start or to signal. What it keeps: its sockets,
 * TCP and unix ones that it makes, memory, time, threads.
 */
interface Machine {
  /** AUDIT_ARCH_… as the kernel tells it of each call. */
  readonly audit: number;
  readonly socket: number;
  readonly clone: number;
  readonly tgkill: number;
  readonly seccomp: number;
  readonly clone3: number;
  readonly fcntl: number;
  readonly ioctl: number;
  readonly denied: readonly number[];
}

/** Same numbers on every architecture. */
const NEW_CALLS = [
  424, // pidfd_send_signal
  425, // io_uring_setup: its requests are not filtered
  426, // io_uring_enter
  427, // io_uring_register
  428, // open_tree
  434, // pidfd_open
  437, // openat2
  438, // pidfd_getfd
  440, // process_madvise
];

/** In each: kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, ptrace, process_vm_readv, process_vm_writev, kcmp, execve, execveat, … */
const MACHINES: Readonly<Record<string, Machine>> = {
  x64: {
    audit: 0xc000_003e,
    socket: 41,
    clone: 56,
    tgkill: 234,
    seccomp: 317,
    clone3: 435,
    fcntl: 72,
    ioctl: 16,
    denied: [
      ...[62, 200, 129, 297, 101, 310, 311, 312, 59, 322],
      // fork, vfork, unshare, setns, chroot, bpf, perf_event_open, keyctl, add_key, request_key, userfaultfd
      ...[57, 58, 272, 308, 161, 321, 298, 250, 248, 249, 323],
      // open, openat, creat, name_to_handle_at, open_by_handle_at, memfd_create
      ...[2, 257, 85, 303, 304, 319],
      // accept, accept4, shutdown: what waits in its sockets is the forwarder's
      ...[43, 288, 48],
    ],
  },
  arm64: {
    audit: 0xc000_00b7,
    socket: 198,
    clone: 220,
    tgkill: 131,
    seccomp: 277,
    clone3: 435,
    fcntl: 25,
    ioctl: 29,
    denied: [
      ...[129, 130, 138, 240, 117, 270, 271, 272, 221, 281],
      // unshare, setns, chroot, bpf, perf_event_open, keyctl, add_key, request_key, userfaultfd
      ...[97, 268, 51, 280, 241, 219, 217, 218, 282],
      // openat, name_to_handle_at, open_by_handle_at, memfd_create
      ...[56, 264, 265, 279],
      // accept, accept4, shutdown
      ...[202, 242, 210],
    ],
  },
};

const cSyscall = cFunction('long syscall(long, long, long, uintptr_t)');

const SECCOMP_SET_MODE_FILTER = 1;
/** All threads of the process, those that exist already included. */
const SECCOMP_FILTER_FLAG_TSYNC = 1;

const EPERM = 1;
const ENOSYS = 38;
const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const ERRNO = 0x0005_0000;

// struct seccomp_data: number (4), architecture (4), instruction (8), six arguments of 8.
const NUMBER = 0;
const ARCHITECTURE = 4;
const argument = (index: number): number => 16 + 8 * index;

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const MASK = 0x54;
const RETURN = 0x06;

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCKET_TYPE_MASK = 0xf;
const CLONE_THREAD = 0x1_0000;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const FIONBIO = 0x5421;
/** Numbers above are those of the 32-bit ABI of x64. */
const X32 = 0x4000_0000;

/** One instruction of classic BPF; jumps are counted from the next one. */
type Instruction = readonly [code: number, value: number, ifTrue?: number, ifFalse?: number];

function program(machine: Machine, pid: number): readonly Instruction[] {
  const deny: Instruction = [RETURN, ERRNO | EPERM];
  const load = (at: number): Instruction => [LOAD_WORD, at];
  const allow: Instruction = [RETURN, ALLOW];
  return [
    load(ARCHITECTURE),
    [JUMP_EQUAL, machine.audit, 1, 0],
    [RETURN, KILL_PROCESS],
    load(NUMBER),
    [JUMP_AT_LEAST, X32, 0, 1],
    deny,
    // glibc goes back to clone, whose flags can be looked at.
    [JUMP_EQUAL, machine.clone3, 0, 1],
    [RETURN, ERRNO | ENOSYS],
    ...[...machine.denied, ...NEW_CALLS].flatMap((number): Instruction[] => [
      [JUMP_EQUAL, number, 0, 1],
      deny,
    ]),
    // A thread, not a process.
    [JUMP_EQUAL, machine.clone, 0, 4],
    load(argument(0)),
    [JUMP_ANY_BIT, CLONE_THREAD, 1, 0],
    deny,
    allow,
    // Signals to itself alone: that is how a process aborts.
    [JUMP_EQUAL, machine.tgkill, 0, 4],
    load(argument(0)),
    [JUMP_EQUAL, pid, 1, 0],
    deny,
    allow,
    // No socket becomes blocking: the forwarder's thread, which accepts on the same ones, would wait for its guests.
    [JUMP_EQUAL, machine.fcntl, 0, 6],
    load(argument(1)),
    [JUMP_EQUAL, F_SETFL, 0, 3],
    load(argument(2)),
    [JUMP_ANY_BIT, O_NONBLOCK, 1, 0],
    deny,
    allow,
    [JUMP_EQUAL, machine.ioctl, 0, 4],
    load(argument(1)),
    [JUMP_EQUAL, FIONBIO, 0, 1],
    deny,
    allow,
    [JUMP_EQUAL, machine.socket, 0, 7],
    load(argument(0)),
    [JUMP_EQUAL, AF_UNIX, 5, 0],
    [JUMP_EQUAL, AF_INET, 1, 0],
    deny,
    load(argument(1)),
    [MASK, SOCKET_TYPE_MASK],
    [JUMP_EQUAL, SOCK_STREAM, 0, 1],
    allow,
    deny,
  ];
}

/**
 * Denies this process, all of its threads, for good, with EPERM: opening files, starting programs or processes, signals to
 * others, looking into other processes, entering namespaces, sockets other than unix and TCP over IPv4, accepting connections,
 * making a descriptor blocking, and parts of the kernel that it has no use for. Needs no-new-privs or root. Undefined, or why it could not be done.
 */
export function denySystemCalls(): string | undefined {
  const machine = MACHINES[process.arch];
  if (machine === undefined) return `system calls of ${process.arch} are not known`;
  const instructions = program(machine, process.pid);
  const code = Buffer.allocUnsafeSlow(8 * instructions.length);
  for (const [index, [operation, value, ifTrue = 0, ifFalse = 0]] of instructions.entries()) {
    code.writeUInt16LE(operation, 8 * index);
    code.writeUInt8(ifTrue, 8 * index + 2);
    code.writeUInt8(ifFalse, 8 * index + 3);
    code.writeUInt32LE(value, 8 * index + 4);
  }
  const filter = Buffer.allocUnsafeSlow(16).fill(0);
  filter.writeUInt16LE(instructions.length, 0);
  filter.writeBigUInt64LE(BigInt(addressOf(code)), 8);
  const result = cSyscall(
    machine.seccomp,
    SECCOMP_SET_MODE_FILTER,
    SECCOMP_FILTER_FLAG_TSYNC,
    addressOf(filter),
  );
  if (result === 0) return undefined;
  return result < 0 ? `seccomp: ${errnoName(errnoOf())}` : 'seccomp: a thread has another filter';
}
