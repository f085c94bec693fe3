import { explainIpFailure } from './ip.ts';
import { UnreadableAnswerError } from './json.ts';
import type { Run } from './run.ts';

/** Path below `/proc/sys/` → value. Paths, because a dot in a device name breaks `sysctl`'s own syntax. */
export type Sysctls = ReadonlyMap<string, string>;

/** What stands for a setting that the kernel does not have. */
const ABSENT = '-';
/** `/proc/sys/net` shows the namespace of the process that opens it, so a process inside has to do it. */
const READ = `while read -r f; do v=${ABSENT}; read -r v <"/proc/sys/$f" || :; echo "$v"; done 2>/dev/null`;
const WRITE = `while IFS== read -r f v; do [ ! -e "/proc/sys/$f" ] || echo "$v" >"/proc/sys/$f" || exit 1; done`;

/** Values of the netns; settings that its kernel does not have are left out. */
export async function readSysctls(run: Run, netns: string, paths: readonly string[]): Promise<Sysctls> {
  const values = (await inside(run, netns, READ, paths)).replace(/\n$/, '').split('\n');
  if (values.length !== paths.length) {
    throw new UnreadableAnswerError(
      `sysctl in ${netns}`,
      `${values.length} values for ${paths.length} settings`,
    );
  }
  const found = new Map<string, string>();
  for (const [index, path] of paths.entries()) {
    const value = values[index];
    if (value !== undefined && value !== ABSENT) found.set(path, value);
  }
  return found;
}

/** Sets them in this order; settings that its kernel does not have are passed over. */
export async function writeSysctls(run: Run, netns: string, sysctls: Sysctls): Promise<void> {
  await inside(
    run,
    netns,
    WRITE,
    [...sysctls].map(([path, value]) => `${path}=${value}`),
  );
}

async function inside(run: Run, netns: string, script: string, lines: readonly string[]): Promise<string> {
  const args = [`--net=/run/netns/${netns}`, '--', 'sh', '-c', script];
  try {
    return (await run('nsenter', args, { input: lines.map((line) => `${line}\n`).join('') })).stdout;
  } catch (error) {
    throw explainIpFailure(error);
  }
}
