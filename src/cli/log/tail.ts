import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { isCode } from '../../errors.ts';

const BLOCK_BYTES = 64 * 1024;
/** A line that is longer is no line of ours. */
const LINE_BYTES = 1024 * 1024;
const NEWLINE = 10;

/**
 * The growing end of a log file. It survives logrotate in both ways: where the file is renamed, the old one is read to its
 * end before the new one is begun; where it is copied and cut, reading goes on at the start.
 */
export class Tail {
  private readonly path: string;
  private fd: number | undefined;
  private offset = 0;
  /** Beginning of a line whose end is not written yet. */
  private rest = Buffer.alloc(0);
  private skipping = false;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * What `parse` makes of the last lines, oldest first, at most `count` that are not undefined; reading goes on after them.
   * Throws when the file is there and can't be read.
   */
  last<T>(count: number, parse: (line: string) => T | undefined): T[] {
    if (!this.open()) return [];
    const fd = this.fd ?? -1;
    const found: T[] = [];
    this.offset = endOfLines(fd);
    // The end of a line that begins in an earlier block.
    let cut = Buffer.alloc(0);
    for (let at = this.offset; at > 0 && found.length < count; ) {
      const from = Math.max(0, at - BLOCK_BYTES);
      const text = Buffer.concat([read(fd, from, at - from), cut]);
      at = from;
      const begin = from === 0 ? 0 : text.indexOf(NEWLINE) + 1;
      cut = text.subarray(0, begin);
      if (cut.length > LINE_BYTES) cut = Buffer.from('\n');
      const lines = text.toString('utf8', begin).split('\n').slice(0, -1);
      for (const line of lines.reverse()) {
        const parsed = found.length < count ? parse(line) : undefined;
        if (parsed !== undefined) found.push(parsed);
      }
    }
    return found.reverse();
  }

  /** Calls `take` for each line that was written since the last call. A file that is not there (yet) has none. */
  more(take: (line: string) => void): void {
    this.open();
    if (this.fd === undefined) return;
    this.drain(this.fd, take);
    if (!this.wasReplaced(this.fd)) return;
    // What was written between the look at the end and the renaming.
    this.drain(this.fd, take);
    this.close();
    if (this.open() && this.fd !== undefined) this.drain(this.fd, take);
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
    this.restart();
  }

  private open(): boolean {
    if (this.fd !== undefined) return true;
    try {
      this.fd = openSync(this.path, 'r');
    } catch (error) {
      if (isCode(error, 'ENOENT')) return false;
      throw error;
    }
    this.restart();
    return true;
  }

  private restart(): void {
    this.offset = 0;
    this.rest = Buffer.alloc(0);
    this.skipping = false;
  }

  private drain(fd: number, take: (line: string) => void): void {
    // Copied and cut: what we had of an unfinished line went with it.
    if (fstatSync(fd).size < this.offset) this.restart();
    for (;;) {
      const block = read(fd, this.offset, BLOCK_BYTES);
      if (block.length === 0) return;
      this.offset += block.length;
      this.split(block, take);
    }
  }

  private split(block: Buffer, take: (line: string) => void): void {
    const text = this.rest.length === 0 ? block : Buffer.concat([this.rest, block]);
    let from = 0;
    for (let to = text.indexOf(NEWLINE); to >= 0; to = text.indexOf(NEWLINE, from)) {
      if (!this.skipping) take(text.toString('utf8', from, to));
      this.skipping = false;
      from = to + 1;
    }
    this.rest = Buffer.from(text.subarray(from));
    if (this.rest.length <= LINE_BYTES) return;
    this.rest = Buffer.alloc(0);
    this.skipping = true;
  }

  private wasReplaced(fd: number): boolean {
    try {
      const here = statSync(this.path);
      const ours = fstatSync(fd);
      return here.ino !== ours.ino || here.dev !== ours.dev;
    } catch {
      // Renamed, and not made again yet.
      return false;
    }
  }
}

/** Where the last finished line ends; what follows is still being written. */
function endOfLines(fd: number): number {
  const { size } = fstatSync(fd);
  const from = Math.max(0, size - BLOCK_BYTES);
  const newline = read(fd, from, size - from).lastIndexOf(NEWLINE);
  return newline < 0 ? (from === 0 ? 0 : size) : from + newline + 1;
}

function read(fd: number, from: number, length: number): Buffer {
  const block = Buffer.allocUnsafe(length);
  return block.subarray(0, readSync(fd, block, 0, length, from));
}
