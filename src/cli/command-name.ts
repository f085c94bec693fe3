import { realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What a shell takes as it is. */
const PLAIN = /^[\w./:@%+=,-]+$/;

/**
 * What has to be written in a shell with this PATH to call the running executable again: `tproxy`, or its path where that word
 * leads to another one or to none; with --config FILE where `configFile` is not the one that it takes by itself.
 */
export function commandName(
  executable: string,
  path: string,
  configFile: { readonly used: string; readonly standard: string },
): string {
  const name = reaches(path, executable) ? 'tproxy' : quoted(executable);
  return configFile.used === configFile.standard ? name : `${name} --config ${quoted(configFile.used)}`;
}

/** True when `executable` is the first `tproxy` in PATH. */
function reaches(path: string, executable: string): boolean {
  for (const directory of path.split(delimiter)) {
    const found = realOf(join(directory, 'tproxy'));
    if (found !== undefined) return found === realOf(executable);
  }
  return false;
}

function realOf(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

function quoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
