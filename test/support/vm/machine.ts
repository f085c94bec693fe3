import { fileURLToPath } from 'node:url';
import type { Program } from '../program.ts';
import type { Sandbox } from '../sandbox.ts';

export interface VirtualMachineOptions {
  readonly bridge: string;
  readonly vmId: number;
  readonly nicId?: number;
  /** Address and prefix length, as `192.168.150.7/24`. */
  readonly address: string;
  /** What the guest fetches with busybox's wget. */
  readonly url: string;
}

/** What the guest printed on its serial console. */
export interface VmResult {
  /** Exit status of wget. */
  readonly status: number;
  readonly answer: string;
  readonly kernel: string;
  readonly console: string;
}

interface Model {
  readonly program: string;
  readonly args: readonly string[];
  readonly console: string;
}

const MODELS: Partial<Record<NodeJS.Architecture, Model>> = {
  x64: { program: 'qemu-system-x86_64', args: ['-machine', 'pc', '-cpu', 'max'], console: 'ttyS0' },
  arm64: { program: 'qemu-system-aarch64', args: ['-machine', 'virt', '-cpu', 'max'], console: 'ttyAMA0' },
};

const CACHE = fileURLToPath(new URL('../../../.cache/vm', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));
const IMAGE = '/run/test/initramfs';

/** The tap that a hypervisor makes for a NIC, as a port of its bridge. */
export async function addTap(box: Sandbox, options: VirtualMachineOptions): Promise<string> {
  const tap = `one-${options.vmId}-${options.nicId ?? 0}`;
  await box.sh(`
    ip tuntap add dev ${tap} mode tap
    ip link set ${tap} master ${options.bridge} up
  `);
  return tap;
}

/**
 * Boots Debian's kernel in QEMU (emulated, no KVM), lets it fetch one URL over a virtio card on `tap` and waits until it
 * has powered off. Rejects with the whole console when that takes longer than `timeoutMs`.
 */
export async function runVirtualMachine(
  box: Sandbox,
  tap: string,
  options: VirtualMachineOptions,
  timeoutMs: number,
): Promise<VmResult> {
  const model = MODELS[process.arch];
  if (model === undefined) throw new Error(`no virtual machine for ${process.arch}`);
  await box.sh(`${HERE}initramfs.sh ${CACHE} ${HERE}init ${IMAGE}`);
  const append = `console=${model.console} quiet panic=-1 guest.ip=${options.address} guest.url=${options.url}`;
  const qemu: Program = box.spawn([
    model.program,
    ...model.args,
    ...['-accel', 'tcg', '-m', '192', '-no-reboot', '-nodefaults', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', `${CACHE}/vmlinuz`, '-initrd', IMAGE, '-append', append],
    ...['-netdev', `tap,id=net0,ifname=${tap},script=no,downscript=no`],
    // Without a boot ROM: it is a package of its own, and nothing boots from the network.
    ...['-device', 'virtio-net-pci,netdev=net0,romfile='],
  ]);
  const status = await qemu.end(timeoutMs);
  const console = qemu.output.replaceAll('\r', '');
  if (status !== 0) throw new Error(`${model.program}: exit ${status}; its output:\n${console}`);
  const answer = /^VM-ANSWER-BEGIN\n(.*)\nVM-ANSWER-END\nVM-STATUS (\d+)$/ms.exec(console);
  if (answer === null) throw new Error(`the VM did not get as far as to fetch; its console:\n${console}`);
  const kernel = /^VM-KERNEL (.*)$/m.exec(console)?.[1] ?? '';
  return { status: Number(answer[2]), answer: answer[1] ?? '', kernel, console };
}
