import type { NftAbility } from '../../driver/nft-ability.ts';
import { CommandError } from '../../errors.ts';
import { classifyIpFailure } from '../../system/ip-errors.ts';
import type { Run } from '../../system/run.ts';
import { type Finding, failed, ok, warning } from '../check.ts';

/** What nft and kernel can carry of our rules, and which form ARP rules take. */
export function judgeNftAbility({ ibrname, lacks }: NftAbility): Finding {
  if (lacks.size > 0) {
    const left = [...lacks].join(', ');
    return warning(
      `this nft can't write or list all rules, so these are left out: ${left}`,
      'install nftables 1.0.6 or newer, then run tproxy apply',
    );
  }
  if (ibrname) return ok('bridge family with meta ibrname');
  return ok('bridge family without meta ibrname (CONFIG_NFT_BRIDGE_META): ARP rules use a set of veth ports');
}

const TRIAL = `link add name tpbr0 type bridge
link add name tpbr0b type veth peer name tpbr0a
link set tpbr0b master tpbr0
`;

/** Network namespaces, bridges and veth pairs: made in a namespace of its own, which ends with the program. */
export async function examineLinks(run: Run): Promise<Finding> {
  try {
    await run('unshare', ['--net', '--', 'ip', '-batch', '-'], { input: TRIAL });
    return ok('network namespaces, bridge, veth');
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const lacks = classifyIpFailure(error) === 'missing-feature' || /unshare/.test(error.stderr);
    return failed(
      error.message,
      lacks ? 'load or build the modules: modprobe -a bridge veth' : 'try it by hand: unshare --net ip link',
    );
  }
}

/** The system calls that move guests' bytes, through the native library of the installation. */
export async function examineSystemCalls(): Promise<Finding> {
  const { closePipe, openPipe, splice } = await import('../../linux/splice.ts');
  const { allocate } = await import('../../linux/ffi.ts');
  const { read, write } = await import('../../linux/descriptor.ts');
  const pipes = [openPipe(4096), openPipe(4096)];
  const [from, to] = pipes;
  try {
    if (typeof from !== 'object' || typeof to !== 'object') {
      return failed('no pipe can be opened', 'see the limit of open files: ulimit -n');
    }
    const bytes = allocate(8);
    bytes.bytes.write('splice!!');
    write(from.writeEnd, bytes.address, 8);
    const moved = splice(from.readEnd, to.writeEnd, 8);
    if (moved !== 8 || read(to.readEnd, bytes.address, 8) !== 8) {
      return failed(`splice(2) moved ${moved} of 8 bytes`, 'see whether seccomp or the kernel forbids it');
    }
    return ok('splice and native library');
  } finally {
    for (const pipe of pipes) if (typeof pipe === 'object') closePipe(pipe);
  }
}
