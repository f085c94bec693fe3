import { explainIpFailure } from './ip.ts';
import { type IpAnswer, parseIpAnswer } from './ip-json.ts';
import { UnreadableAnswerError } from './json.ts';
import type { Run } from './run.ts';

/** Path below `/proc/sys/` → value. Paths, because a dot in a device name breaks `sysctl`'s own syntax. */
export type Sysctls = ReadonlyMap<string, string>;

export interface InsideNetns extends IpAnswer {
  /** Of those asked for; settings that its kernel does not have are left out. */
  readonly sysctls: Sysctls;
}

/** What stands for a setting that the kernel does not have. */
const ABSENT = '-';

/**
 * Scripts, which run inside the netns, because `/proc/sys/net` shows the namespace of the process that opens it. One
 * process for all of it: starting one is what an `up` with nothing to do spends its time on.
 */
const READ = `printf 'address show\\nroute show\\n' | ip -j -d -batch - || exit
while read -r f; do v=${ABSENT}; read -r v <"/proc/sys/$f" || :; echo "$v"; done 2>/dev/null`;
const WRITE = `while IFS== read -r f v; do [ ! -e "/proc/sys/$f" ] || echo "$v" >"/proc/sys/$f" || exit; done`;

/** Addresses, routes and settings of a netns. */
export async function readNetns(run: Run, netns: string, paths: readonly string[]): Promise<InsideNetns> {
  const source = `ip and sysctls in netns ${netns}`;
  const lines = (await inside(run, netns, READ, paths)).replace(/\n$/, '').split('\n');
  const values = paths.length === 0 ? [] : lines.slice(-paths.length);
  if (values.length !== paths.length || values.some((value) => !/^(?:-|[\w\s]*)$/.test(value))) {
    throw new UnreadableAnswerError(source, `not a value for each of ${paths.length} settings`);
  }
  const sysctls = new Map<string, string>();
  for (const [index, path] of paths.entries()) {
    const value = values[index];
    if (value !== undefined && value !== ABSENT) sysctls.set(path, value);
  }
  return { ...parseIpAnswer(lines.slice(0, lines.length - values.length).join('\n'), source), sysctls };
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
