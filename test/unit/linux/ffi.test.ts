import { describe, expect, test } from 'vitest';
import { SyscallError } from '../../../src/errors.ts';
import { Errno } from '../../../src/linux/errno.ts';
import { addressOf, allocate, cFunction, check, errnoName, errnoOf } from '../../../src/linux/ffi.ts';

const cClose = cFunction('int close(int)');
const cMemcpy = cFunction('uintptr_t memcpy(uintptr_t, uintptr_t, size_t)');

describe('errno', () => {
  test.each(Object.entries(Errno))('%s is number %i', (name, number) => {
    expect(errnoName(number)).toBe(name);
  });

  test('a number without a name is shown as it is', () => {
    expect(errnoName(9999)).toBe('errno 9999');
  });

  test('is that of the call just made, however much the heap is in motion', () => {
    const wrong: number[] = [];
    let garbage: object[] = [];
    for (let i = 0; i < 100_000; i++) {
      const result = cClose(-1);
      if (result !== -1 || errnoOf() !== Errno.EBADF) wrong.push(i);
      garbage.push({ i, text: `${i}`, list: [i] });
      if (garbage.length === 20_000) garbage = [];
    }
    expect(wrong).toEqual([]);
  });
});

describe('check', () => {
  test('passes on results', () => {
    expect(check('open', 0)).toBe(0);
    expect(check('open', 7)).toBe(7);
  });

  test.each([
    ['with a context', '10.0.0.1:80', 'close (10.0.0.1:80): EBADF'],
    ['without', undefined, 'close: EBADF'],
  ])('names call and error %s', (_, context, message) => {
    const attempt = () => check('close', cClose(-1), context);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(
      expect.objectContaining({ syscall: 'close', errno: 9, errnoName: 'EBADF', code: 'EBADF' }),
    );
    expect(attempt).toThrow(SyscallError);
  });
});

describe('memory', () => {
  test('is zeroed, and its three views show the same bytes as the kernel and libc see', () => {
    const from = allocate(64);
    const to = allocate(64);
    expect(from.bytes.equals(Buffer.alloc(64))).toBe(true);
    from.bytes.write('hello');
    from.view.setUint32(8, 0x01020304);
    cMemcpy(to.address, from.address, 64);
    expect(to.bytes.toString('latin1', 0, 5)).toBe('hello');
    expect([...to.bytes.subarray(8, 12)]).toEqual([1, 2, 3, 4]);
    expect(to.view.getUint32(8)).toBe(0x01020304);
  });

  test('stays where it is while the heap is collected', () => {
    const kept = allocate(4096);
    kept.bytes.fill(0xab);
    const { address } = kept;
    let garbage: Buffer[] = [];
    for (let i = 0; i < 2000; i++) {
      garbage.push(Buffer.alloc(10_000));
      if (garbage.length > 100) garbage = [];
    }
    const copy = allocate(4096);
    cMemcpy(copy.address, address, 4096);
    expect(copy.bytes.equals(Buffer.alloc(4096, 0xab))).toBe(true);
  });

  test('a buffer and a part of it have addresses', () => {
    const buffer = Buffer.allocUnsafeSlow(100);
    buffer.fill(0);
    buffer.write('tail', 90);
    expect(addressOf(buffer.subarray(90))).toBe(addressOf(buffer) + 90);
    const copy = allocate(4);
    cMemcpy(copy.address, addressOf(buffer.subarray(90)), 4);
    expect(copy.bytes.toString()).toBe('tail');
  });
});
