import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SyscallError, TproxyError } from '../errors.ts';
import { Errno } from './errno.ts';

/**
 * The C library through koffi. koffi's JavaScript wrapper is not loaded: it costs 7 ms of start-up and adds nothing to
 * the native module, which is found beside the bundle (`native/<libc>_<arch>/koffi.node`) or in the npm package.
 */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: number[]) => number };
  alloc(type: 'uint8_t', length: number): bigint;
  view(pointer: bigint, length: number): ArrayBuffer;
  address(buffer: Uint8Array): bigint;
  errno(): number;
}

function loadKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  let cause: unknown;
  for (const libc of ['linux', 'musl']) {
    const folder = `${libc}_${process.arch}`;
    const beside = fileURLToPath(new URL(`./native/${folder}/koffi.node`, import.meta.url));
    try {
      return require(
        existsSync(beside) ? beside : `@koromix/koffi-linux-${process.arch}/${folder}/koffi.node`,
      ) as Koffi;
    } catch (error) {
      cause ??= error;
    }
  }
  throw new TproxyError(
    `system calls: no koffi binary for linux ${process.arch}; the installation is incomplete`,
    { code: 'INSTALLATION', remedy: 'copy the whole built tree again', cause },
  );
}

const koffi = loadKoffi();
const libc = koffi.load(null);

/** A C function taking and returning numbers; addresses are plain numbers (below 2^47 in user space). */
export type CFunction = (...args: number[]) => number;

/** `int name(...)` from the C library. Call `errnoOf()` right after a negative result. */
export function cFunction(prototype: string): CFunction {
  return libc.func(prototype);
}

/** errno of the last call made on this thread. */
export function errnoOf(): number {
  return koffi.errno();
}

/** Memory at a fixed address, for structures and I/O buffers. It is never given back: allocate once. */
export interface Memory {
  readonly address: number;
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Zeroed memory of `length` bytes at a fixed address. */
export function allocate(length: number): Memory {
  const pointer = koffi.alloc('uint8_t', length);
  const buffer = koffi.view(pointer, length);
  return { address: Number(pointer), bytes: Buffer.from(buffer), view: new DataView(buffer) };
}

/** Address of a buffer that does not lie on the JavaScript heap (`Buffer.allocUnsafeSlow`). Keep the buffer referenced. */
export function addressOf(buffer: Buffer): number {
  return Number(koffi.address(buffer));
}

// Node's table lacks some, and has a second name for EAGAIN.
const NAMES = new Map(
  [...Object.entries(constants.errno), ...Object.entries(Errno)].map(([name, number]) => [number, name]),
);

/** `ECONNREFUSED` for 111; `errno 999` for a number without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** The result of a call, or a `SyscallError` when it is negative. */
export function check(syscall: string, result: number, context?: string): number {
  if (result >= 0) return result;
  const errno = koffi.errno();
  throw new SyscallError(syscall, errno, errnoName(errno), context);
}
