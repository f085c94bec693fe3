import { Errno } from '../linux/errno.ts';

/** Pause after the process, its user or the kernel ran out of descriptors or memory. */
export const RESPITE_MS = 100;

/** True for an errno that says so, and not that of one guest who went away. */
export function isExhaustion(errno: number): boolean {
  return (
    errno === Errno.EMFILE || errno === Errno.ENFILE || errno === Errno.ENOBUFS || errno === Errno.ENOMEM
  );
}
