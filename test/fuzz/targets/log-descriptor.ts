import { closeSync, ftruncateSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const file = join(tmpdir(), `tproxy-fuzz-${process.pid}-${Math.random().toString(36).slice(2)}`);

/** An open file without a name. */
export const logDescriptor = openSync(file, 'ax+');
rmSync(file);
process.once('exit', () => closeSync(logDescriptor));

/** What was written since the last call. */
export function lastWritten(): string {
  const text = readFileSync(`/proc/self/fd/${logDescriptor}`, 'utf8');
  ftruncateSync(logDescriptor, 0);
  return text;
}
