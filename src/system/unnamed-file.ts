import { randomUUID } from 'node:crypto';
import { closeSync, createReadStream, openSync, type ReadStream, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `/run` is in memory, root's, and there before anything of ours; whoever is not root has no place in it. */
const DIRECTORIES = ['/run', tmpdir()];

/**
 * A file that has this text and no name, at its beginning, for a program to read; the caller destroys it. Undefined where
 * none can be made, as on a full disk.
 */
export function unnamedFile(text: string): ReadStream | undefined {
  for (const directory of DIRECTORIES) {
    const path = join(directory, `.one_tproxy.${randomUUID()}`);
    let descriptor: number | undefined;
    try {
      descriptor = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      writeAll(descriptor, Buffer.from(text));
      // execa hands on the descriptor of a stream that nobody reads.
      return createReadStream('', { fd: descriptor });
    } catch {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }
  return undefined;
}

/** At a position, so that the offset, which the program inherits, stays at the beginning. */
function writeAll(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(descriptor, bytes, done, bytes.length - done, done);
  }
}
