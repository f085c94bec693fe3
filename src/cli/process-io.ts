import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Io } from './io.ts';
import { escapeLines } from './text/escape.ts';
import { wantsColour } from './text/style.ts';

export interface ProcessIo extends Io {
  /** Why results could not be written, such as `ENOSPC`; a reader who has seen enough is no reason. */
  readonly lost: () => Promise<string | undefined>;
}

/**
 * The streams of this process. Whoever reads them may go at any time, and then what is being done to the host is done to its
 * end all the same.
 */
export function processIo(): ProcessIo {
  const { stdout, stderr } = process;
  let failure: string | undefined;
  stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    failure ??= code ?? message;
  });
  stderr.on('error', () => undefined);
  return {
    out: (line) => {
      if (failure === undefined) stdout.write(`${line}\n`);
    },
    // What names and messages of others have in them is shown, not done.
    err: (text) => stderr.write(`${escapeLines(text)}\n`),
    // Opened by those who read it only.
    readStdin: (limit) => read(process.stdin, limit),
    colour: wantsColour(stdout.isTTY, process.env),
    drained: async () => {
      // Rejects when the reader goes meanwhile, which `isLeft` tells.
      if (stdout.writableNeedDrain) await once(stdout, 'drain').catch(() => undefined);
    },
    isLeft: () => failure !== undefined,
    lost: async () => {
      // Node tells of a write that failed a moment later.
      await turn();
      return failure === 'EPIPE' ? undefined : failure;
    },
  };
}

async function read(stdin: NodeJS.ReadStream, limit: number): Promise<string> {
  if (stdin.isTTY) return '';
  let text = '';
  for await (const piece of stdin.setEncoding('utf8')) {
    text += piece;
    if (text.length > limit) break;
  }
  return text;
}
