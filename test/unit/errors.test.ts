import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { explainFileTrouble, InputError, TproxyError } from '../../src/errors.ts';

test('trouble with a file is for the operator, a bug keeps its stack, and what is explained stays so', () => {
  const caught = (task: () => unknown): unknown => {
    try {
      return task();
    } catch (error) {
      return explainFileTrouble(error);
    }
  };
  const trouble = caught(() => readdirSync('/etc/passwd'));
  expect(trouble).toBeInstanceOf(TproxyError);
  expect(trouble).toMatchObject({
    message: expect.stringMatching(
      /^ENOTDIR: not a directory, scandir '\/etc\/passwd'; check the file system/,
    ),
    code: 'ENOTDIR',
    exitCode: 1,
  });
  const known = new InputError('x', { cause: trouble });
  for (const other of [new TypeError('x is no function'), known, 'text', undefined]) {
    expect(explainFileTrouble(other)).toBe(other);
  }
});
