import { describe, expect, test } from 'vitest';
import { CommandError } from '../../../src/errors.ts';
import { batchLinesDone, classifyIpFailure } from '../../../src/system/ip-errors.ts';
import { classifyNftFailure, explainNftFailure } from '../../../src/system/nft-errors.ts';
import { failure } from './fixtures.ts';

describe('nft', () => {
  test.each([
    ['list-missing-table', 'missing-object'],
    ['list-missing-table-other-family', 'missing-object'],
    ['delete-missing-map', 'missing-object'],
    ['list-unprivileged', 'permission'],
    ['add-unprivileged', 'permission'],
    ['ibrname-unsupported', 'missing-feature'],
    ['syntax', 'other'],
  ])('%s is %s', (name, expected) => {
    expect(classifyNftFailure(failure(`nft/1.0.6/${name}.stderr`))).toBe(expected);
  });

  test('newer versions add a guess to what is missing', () => {
    const stderr = "Error: No such file or directory; did you mean table 'one_tproxy' in family bridge?";
    expect(classifyNftFailure(new CommandError('x', { command: 'nft', status: 1, stderr }))).toBe(
      'missing-object',
    );
  });

  test('a change that does not fit into one transaction says what to do', () => {
    // Measured: 8 000 endpoints with comments, in a user namespace, where the buffer can't be raised.
    const stderr = 'netlink: Error: Could not process rule: Message too long';
    const error = new CommandError(`nft -f -: ${stderr}`, { command: 'nft -f -', status: 1, stderr });
    expect(explainNftFailure(error)).toMatchObject({
      what: `nft -f -: ${stderr}: the change does not fit into the buffer of one transaction`,
      remedy: 'configure fewer services, or raise net.core.wmem_max',
    });
  });

  test('what is no answer of nft is none of them', () => {
    expect(classifyNftFailure(new Error('Error: No such file or directory'))).toBe('other');
  });
});

describe('ip and nsenter', () => {
  test.each([
    ['link-show-missing', 'missing-object'],
    ['link-show-master-missing', 'missing-object'],
    ['link-delete-missing', 'missing-object'],
    ['batch-missing', 'missing-object'],
    ['netns-missing', 'missing-object'],
    ['netns-delete-missing', 'missing-object'],
    ['netns-stale', 'missing-object'],
    ['nsenter-missing', 'missing-object'],
    ['nsenter-stale', 'missing-object'],
    ['link-add-unprivileged', 'permission'],
    ['netns-add-unprivileged', 'permission'],
    ['link-add-unknown-kind', 'missing-feature'],
    ['link-add-exists', 'other'],
    ['netns-add-exists', 'other'],
  ])('%s is %s', (name, expected) => {
    expect(classifyIpFailure(failure(`ip/6.1.0/${name}.stderr`))).toBe(expected);
  });

  test('a batch tells how far it got', () => {
    expect(batchLinesDone(failure('ip/6.1.0/batch-missing.stderr'))).toBe(1);
    expect(batchLinesDone(failure('ip/6.1.0/link-add-exists.stderr'))).toBeUndefined();
    expect(batchLinesDone(new Error('Command failed -:2'))).toBeUndefined();
  });
});
