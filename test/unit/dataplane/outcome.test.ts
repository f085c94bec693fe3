import { describe, expect, test } from 'vitest';
import { connectOutcome, OUTCOMES } from '../../../src/dataplane/outcome.ts';
import { Errno } from '../../../src/linux/errno.ts';

describe('what a failed connect means', () => {
  test.each([
    ['ECONNREFUSED', 'upstream-refused'],
    ['ECONNRESET', 'upstream-refused'],
    ['ETIMEDOUT', 'connect-timeout'],
    ['EHOSTUNREACH', 'upstream-unreachable'],
    ['ENETUNREACH', 'upstream-unreachable'],
    ['EMFILE', 'out-of-descriptors'],
    ['ENFILE', 'out-of-descriptors'],
    ['EADDRNOTAVAIL', 'out-of-ports'],
    ['EAGAIN', 'out-of-ports'],
    ['EPERM', 'error'],
  ] as const)('%s: %s', (errno, outcome) => {
    expect(connectOutcome(Errno[errno])).toBe(outcome);
    expect(OUTCOMES).toContain(outcome);
  });

  test('an error without a number is an error', () => {
    expect(connectOutcome(0)).toBe('error');
  });
});
