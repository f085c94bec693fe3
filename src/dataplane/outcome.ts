import { Errno } from '../linux/errno.ts';

/** How a guest's connection ended: one word, in logs and counters. */
export const OUTCOMES = [
  'closed',
  'guest-reset',
  'upstream-reset',
  'upstream-refused',
  'upstream-unreachable',
  'connect-timeout',
  'linger-timeout',
  'idle-timeout',
  'no-endpoint',
  'guest-limit',
  'guest-rate',
  'guest-share',
  'out-of-descriptors',
  'out-of-ports',
  'cut',
  /** It has not ended yet. */
  'open',
  'error',
] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** What an errno of connect(2) means for the guest. */
export function connectOutcome(errno: number): Outcome {
  switch (errno) {
    case Errno.ECONNREFUSED:
    case Errno.ECONNRESET:
      return 'upstream-refused';
    case Errno.ETIMEDOUT:
      return 'connect-timeout';
    case Errno.EMFILE:
    case Errno.ENFILE:
      return 'out-of-descriptors';
    case Errno.EADDRNOTAVAIL:
    case Errno.EAGAIN:
      return 'out-of-ports';
    case Errno.EHOSTUNREACH:
    case Errno.ENETUNREACH:
      return 'upstream-unreachable';
    default:
      return 'error';
  }
}
