import { describe, expect, test } from 'vitest';
import type { Program } from '../../../src/linux/bpf.ts';
import { listenerFilter } from '../../../src/linux/seccomp.ts';
import { MACHINES, type SystemCall } from '../../../src/linux/system-calls.ts';

const PID = 4711;
const VERDICTS = new Map([
  [0x7fff_0000, 'allowed'],
  [0x8000_0000, 'killed'],
  [0x0005_0001, 'EPERM'],
  [0x0005_0026, 'ENOSYS'],
]);

/** What the kernel would do with the call whose `struct seccomp_data` this is, as 32-bit words. */
function judge(program: Program, words: readonly number[]): string | undefined {
  let word = 0;
  for (let at = 0; at < program.length; at++) {
    const [code, value, ifTrue = 0, ifFalse = 0] = program[at] ?? [0, 0];
    const bits = (word & value) >>> 0;
    if (code === 0x20) word = (words[value / 4] ?? 0) >>> 0;
    else if (code === 0x54) word = bits;
    else if (code === 0x06) return VERDICTS.get(value);
    else if (code === 0x15) at += word === value ? ifTrue : ifFalse;
    else if (code === 0x35) at += word >= value ? ifTrue : ifFalse;
    else if (code === 0x45) at += bits !== 0 ? ifTrue : ifFalse;
    else throw new Error(`instruction ${code}`);
  }
  throw new Error('no verdict');
}

const NON_BLOCKING = 0o4000;
const SOCK = { stream: 1, datagram: 2, cloexec: 0o2000000 };

const CALLS: readonly (readonly [
  what: string,
  call: SystemCall,
  args: readonly number[],
  verdict: string,
])[] = [
  ['a thread', 'clone', [0x3d0f00], 'allowed'],
  ['a process', 'clone', [0x11], 'EPERM'],
  ['a thread or process by the new call', 'clone3', [], 'ENOSYS'],
  ['a signal to itself', 'tgkill', [PID, PID, 6], 'allowed'],
  ['a signal to another one', 'tgkill', [PID + 1, PID + 1, 6], 'EPERM'],
  ['a signal by kill', 'kill', [PID, 6], 'EPERM'],
  ['flags with O_NONBLOCK', 'fcntl', [3, 4, NON_BLOCKING | 2], 'allowed'],
  ['flags without', 'fcntl', [3, 4, 2], 'EPERM'],
  ['another fcntl', 'fcntl', [3, 3, 0], 'allowed'],
  ['signals of a descriptor to another one', 'fcntl', [3, 8, PID + 1], 'EPERM'],
  ['the same, the newer way', 'fcntl', [3, 15], 'EPERM'],
  ['FIONBIO', 'ioctl', [3, 0x5421], 'EPERM'],
  ['FIOSETOWN', 'ioctl', [3, 0x8901], 'EPERM'],
  ['SIOCSPGRP', 'ioctl', [3, 0x8902], 'EPERM'],
  ['a limit of its own', 'prlimit64', [0, 7], 'allowed'],
  ['a limit of its own, by its number', 'prlimit64', [PID, 7], 'allowed'],
  ['a limit of another one', 'prlimit64', [PID + 1, 0], 'EPERM'],
  ['the priority of another one', 'setpriority', [0, PID + 1, 19], 'EPERM'],
  ['another ioctl', 'ioctl', [3, 0x5411], 'allowed'],
  ['a unix socket', 'socket', [1, 5 | NON_BLOCKING | SOCK.cloexec, 0], 'allowed'],
  ['a TCP socket', 'socket', [2, SOCK.stream | NON_BLOCKING | SOCK.cloexec, 0], 'allowed'],
  ['a UDP socket', 'socket', [2, SOCK.datagram, 0], 'EPERM'],
  ['an IPv6 socket', 'socket', [10, SOCK.stream, 0], 'EPERM'],
  ['netlink', 'socket', [16, 3, 0], 'EPERM'],
  ['accept4', 'accept4', [3], 'EPERM'],
  ['openat', 'openat', [], 'EPERM'],
  ['a file by its handle', 'open_by_handle_at', [], 'EPERM'],
  ['a program', 'execve', [], 'EPERM'],
  ['memory of another one', 'process_vm_writev', [PID + 1], 'EPERM'],
  ['a descriptor of another one', 'pidfd_getfd', [], 'EPERM'],
  ['another namespace', 'setns', [], 'EPERM'],
  ['a key', 'keyctl', [], 'EPERM'],
  ['a program for the kernel', 'bpf', [], 'EPERM'],
  ['io_uring', 'io_uring_setup', [], 'EPERM'],
  ['a filter more', 'seccomp', [], 'allowed'],
];

describe.each(Object.entries(MACHINES))('a listener on %s', (_, machine) => {
  if (machine === undefined) throw new Error('no machine');
  const program = listenerFilter(machine, PID);
  const verdictOf = (number: number, args: readonly number[] = [], audit = machine.audit) =>
    judge(program, [number, audit, 0, 0, ...args.flatMap((arg) => [arg, 0])]);

  test.each(CALLS)('%s', (_what, call, args, verdict) => {
    expect(verdictOf(machine.numberOf(call) ?? -1, args)).toBe(verdict);
  });

  test('does not get past it by another ABI', () => {
    expect(verdictOf(0, [], machine.audit - 1)).toBe('killed');
    expect(verdictOf(0x4000_0000 + (machine.numberOf('clone') ?? 0), [0x3d0f00])).toBe('EPERM');
  });

  test('may do what the filter does not name', () => {
    expect(verdictOf(9999)).toBe('allowed');
  });
});
