import { NFT_TABLE } from '../model/names.ts';
import { explainIpFailure } from './ip.ts';
import { type IpAnswer, parseIpAnswer } from './ip-json.ts';
import { UnreadableAnswerError } from './json.ts';
import { type NftChain, parseInetChains } from './nft-chains.ts';
import type { Run } from './run.ts';

/** Path below `/proc/sys/` → value. Paths, because a dot in a device name breaks `sysctl`'s own syntax. */
export type Sysctls = ReadonlyMap<string, string>;

export interface InsideNetns extends IpAnswer {
  /** Of those asked for; settings that its kernel does not have are left out. */
  readonly sysctls: Sysctls;
  /** Chains of `table inet one_tproxy`; undefined: there is none that can be read. */
  readonly chains: ReadonlyMap<string, NftChain> | undefined;
}

/** What stands for a setting that the kernel does not have. */
const ABSENT = '-';

/**
 * Scripts, which run inside the netns, because `/proc/sys/net` shows the namespace of the process that opens it. One
 * call for all of it: starting programs is what an `up` with nothing to do spends its time on. awk, because a shell reads a
 * byte at a time, and of a setting that the kernel prints it gets no more than the first.
 */
const READ = `nft -j list table inet ${NFT_TABLE} 2>/dev/null || echo ${ABSENT}
printf 'address show\\nroute show\\n' | ip -j -d -batch - || exit
exec awk '{ f = "/proc/sys/" $0; v = "${ABSENT}"; getline v <f; close(f); print v }' 2>/dev/null`;
const WRITE = `while IFS== read -r f v && [ -n "$f" ]; do [ ! -e "/proc/sys/$f" ] || echo "$v" >"/proc/sys/$f" || exit; done`;

/** Addresses, routes, settings and nft chains of a netns. */
export async function readNetns(run: Run, netns: string, paths: readonly string[]): Promise<InsideNetns> {
  const source = `nft, ip and sysctls in netns ${netns}`;
  const answer = await inside(run, netns, READ, paths.map(asLine).join(''));
  const [ruleset = ABSENT, ...lines] = answer.replace(/\n$/, '').split('\n');
  const values = paths.length === 0 ? [] : lines.slice(-paths.length);
  if (values.length !== paths.length || values.some((value) => !/^(?:-|[\w\s]*)$/.test(value))) {
    throw new UnreadableAnswerError(source, `not a value for each of ${paths.length} settings`);
  }
  const sysctls = new Map<string, string>();
  for (const [index, path] of paths.entries()) {
    const value = values[index];
    if (value !== undefined && value !== ABSENT) sysctls.set(path, value);
  }
  return {
    ...parseIpAnswer(lines.slice(0, lines.length - values.length).join('\n'), source),
    sysctls,
    chains: ruleset === ABSENT ? undefined : parseInetChains(ruleset, source),
  };
}

/**
 * Sets `sysctls` in this order, passing over those that its kernel does not have, then applies `ruleset`, text for nft, as one
 * transaction. One process for both.
 */
export async function writeNetns(run: Run, netns: string, sysctls: Sysctls, ruleset = ''): Promise<void> {
  const lines = [...sysctls].map(([path, value]) => asLine(`${path}=${value}`)).join('');
  if (ruleset === '') await inside(run, netns, WRITE, lines);
  // nft before 1.0 opens /dev/stdin anew: a pipe can be opened, the socket that comes from node can't.
  else await inside(run, netns, `${WRITE}; cat | nft -f -`, `${lines}\n${ruleset}`);
}

function asLine(text: string): string {
  return `${text}\n`;
}

async function inside(run: Run, netns: string, script: string, input: string): Promise<string> {
  const args = [`--net=/run/netns/${netns}`, '--', 'sh', '-c', script];
  try {
    return (await run('nsenter', args, { input })).stdout;
  } catch (error) {
    throw explainIpFailure(error);
  }
}
