import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { WRITABLE_BY_OTHERS } from '../process/run-directory.ts';
import { replaceFile } from '../replace-file.ts';

/**
 * Compiled code of a bundle, kept in a file between runs. The file is
 *
 *     digest (32 bytes) of bundle, version of node, and all that follows
 *     length of the notes (4 bytes, big-endian), notes (JSON: verb → runs whose code is in it)
 *     what V8 makes of it
 *
 * V8 itself refuses code of another version or of other flags; the digest keeps damaged files from it, and those of another
 * bundle. Whatever is wrong with a file, it is as if there were none.
 */
export interface CodeCache {
  /** For `vm.Script`. */
  readonly code: Buffer;
  /** Verb → runs whose functions are in it. A function is compiled when it is first called. */
  readonly runs: Readonly<Record<string, number>>;
}

const DIGEST_BYTES = 32;
const LENGTH_BYTES = 4;

/** Where the code of a bundle lies in `directory`: one file for each place where the program is installed. */
export function codeFile(directory: string, bundle: string): string {
  return join(directory, encodeURIComponent(bundle));
}

/**
 * The code for `source`, or undefined. Taken only from a regular file that belongs to `owner` (a user id), in a directory of a
 * directory that do, none of them writable by anybody else.
 */
export function readCodeCache(file: string, source: Buffer, owner: number): CodeCache | undefined {
  try {
    if (!isPrivatePlace(dirname(file), owner)) return undefined;
    const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = fstatSync(fd);
      return status.isFile() && isPrivate(status, owner) ? parse(readFileSync(fd), source) : undefined;
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** Keeps `cache` for the next run, where that can be done. Readers see the old file or the new one. */
export function writeCodeCache(file: string, source: Buffer, owner: number, cache: CodeCache): void {
  const directory = dirname(file);
  try {
    makeDirectory(directory);
    if (!isPrivatePlace(directory, owner)) return;
    const content = format(cache, source);
    replaceFile(file, (fresh) => writeFileSync(fresh, content, { mode: 0o600, flag: 'wx' }));
  } catch {
    // The next run is as slow as this one.
  }
}

/** The directory above it is there, or nothing is kept. */
function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function isPrivatePlace(directory: string, owner: number): boolean {
  return [directory, dirname(directory)].every((place) => {
    const status = lstatSync(place);
    return status.isDirectory() && isPrivate(status, owner);
  });
}

function isPrivate({ uid, mode }: Stats, owner: number): boolean {
  return uid === owner && (mode & WRITABLE_BY_OTHERS) === 0;
}

function parse(content: Buffer, source: Buffer): CodeCache | undefined {
  const rest = content.subarray(DIGEST_BYTES);
  if (!digestOf(source, rest).equals(content.subarray(0, DIGEST_BYTES))) return undefined;
  const end = LENGTH_BYTES + rest.readUInt32BE(0);
  const runs = JSON.parse(rest.toString('utf8', LENGTH_BYTES, end)) as CodeCache['runs'];
  return { runs, code: rest.subarray(end) };
}

function format({ runs, code }: CodeCache, source: Buffer): Buffer {
  const notes = Buffer.from(JSON.stringify(runs));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(notes.length);
  const rest = Buffer.concat([length, notes, code]);
  return Buffer.concat([digestOf(source, rest), rest]);
}

function digestOf(source: Buffer, rest: Buffer): Buffer {
  return createHash('sha256')
    .update(`${process.version} ${process.arch} ${source.length}\n`)
    .update(source)
    .update(rest)
    .digest();
}
