import { open } from 'node:fs/promises';
import { isCode } from '../../errors.ts';
import { type Finding, ok } from '../check.ts';
import { judgeLog } from '../host/judge-host.ts';

/** A busy bridge writes thousands of lines a second: errors are looked for in this much of the end. */
const TAIL_BYTES = 1 << 20;
const WITHIN_MS = 10 * 60_000;

/** Errors of the last minutes in a log of ours. */
export async function examineLog(file: string): Promise<Finding> {
  const text = await tailOf(file);
  return text === undefined ? ok('there is none') : judgeLog(file, text, Date.now(), WITHIN_MS);
}

/** The end of a file, from the start of a line; undefined when there is no such file. */
async function tailOf(file: string): Promise<string | undefined> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await handle.close();
  }
}
