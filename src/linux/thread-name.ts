import { addressOf, cFunction } from './ffi.ts';

const cPrctl = cFunction('int prctl(int, uintptr_t, long, long, long)');

const PR_SET_NAME = 15;

/** Names the calling thread as `/proc/PID/comm` shows it, which is the process when it is the main thread: 15 bytes at most. */
export function setThreadName(name: string): void {
  const bytes = Buffer.allocUnsafeSlow(16).fill(0);
  bytes.write(name, 0, 15);
  cPrctl(PR_SET_NAME, addressOf(bytes), 0, 0, 0);
}
