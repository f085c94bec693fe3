import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { ConfigError, messageOf } from '../errors.ts';
import { type ParsedConfig, parseConfig } from './parse.ts';
import { MAX_CONFIG_BYTES } from './reader/read-yaml.ts';

/**
 * `missing`: a hypervisor without the file simply has no services. `unreadable`: nothing is known of what the operator
 * wants. `faulty`: what has no fault is known.
 */
export type ConfigState = 'missing' | 'unreadable' | 'faulty' | 'faultless';

export interface LoadedConfig extends Omit<ParsedConfig, 'readable'> {
  readonly file: string;
  readonly state: ConfigState;
}

/** Reads and parses. Faults in the content are in `problems`; rejects with `ConfigError` when the file can't be read. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const text = readText(file);
  if (text !== undefined) return judge(file, parseConfig(text));
  const { config, problems } = parseConfig('');
  return { file, state: 'missing', problems, config: { ...config, policing: undefined } };
}

/** What the content of a file that is there comes to. */
export function judge(file: string, { config, problems, readable }: ParsedConfig): LoadedConfig {
  const isFaulty = problems.some(({ severity }) => severity === 'error');
  return { file, config, problems, state: readable ? (isFaulty ? 'faulty' : 'faultless') : 'unreadable' };
}

const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: 'run as root or make the file readable',
  EISDIR: 'give the path of a file',
};

/** Undefined when there is no such file. */
function readText(file: string): string | undefined {
  try {
    // Looked at before it is opened: opening a FIFO would wait for a writer.
    const status = statSync(file);
    if (status.isDirectory()) throw new ConfigError(`${file}: is a directory`, { remedy: REMEDIES.EISDIR });
    if (!status.isFile()) throw new ConfigError(`${file}: is no regular file`, { remedy: REMEDIES.EISDIR });
    return readBounded(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = errorCode(error);
    if (code === 'ENOENT') return undefined;
    const remedy = REMEDIES[code] ?? 'check the path and the disk';
    throw new ConfigError(`${file}: can't be read (${code})`, { remedy, cause: error });
  }
}

/** One byte above the limit is enough for the parser to say that it is too much. */
function readBounded(file: string): string {
  const fd = openSync(file, 'r');
  try {
    const buffer = Buffer.allocUnsafeSlow(MAX_CONFIG_BYTES + 1);
    let length = 0;
    for (;;) {
      const bytes = readSync(fd, buffer, length, buffer.length - length, null);
      length += bytes;
      if (bytes === 0 || length === buffer.length) return buffer.toString('utf8', 0, length);
    }
  } finally {
    closeSync(fd);
  }
}

function errorCode(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : messageOf(error);
}
