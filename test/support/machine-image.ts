import type { Finished } from './program.ts';
import type { Sandbox } from './sandbox.ts';

const ROOT = '/run/machine/root';
const UPPER = '/run/machine/upper';
/** What dpkg and its tools write for themselves. */
const BOOKKEEPING = /^\/(?:var\/(?:lib\/(?:dpkg|apt|systemd)|cache|log)|run|tmp|dev|proc)\//;

/**
 * A copy of this very machine that a test may install packages on: an overlay over `/` inside a sandbox, whose changes are
 * in memory and end with it.
 */
export class MachineImage {
  readonly #box: Sandbox;

  private constructor(box: Sandbox) {
    this.#box = box;
  }

  static async create(box: Sandbox): Promise<MachineImage> {
    await box.sh(`
      mkdir -p /run/machine
      mount -t tmpfs tmpfs /run/machine
      mkdir -p ${UPPER} ${ROOT} /run/machine/work
      mount -t overlay overlay -o lowerdir=/,upperdir=${UPPER},workdir=/run/machine/work ${ROOT}
      mount --rbind /dev ${ROOT}/dev
      mount -t proc proc ${ROOT}/proc
    `);
    return new MachineImage(box);
  }

  /** Runs a bash script there as root and resolves with its standard output; rejects when it fails. */
  sh(script: string): Promise<string> {
    const inside = ['chroot', ROOT, 'bash', '--norc', '-euo', 'pipefail', '-c', script];
    return this.#finish(this.#box.run(inside, { timeoutMs: 60_000 }), script);
  }

  /** Installs, removes or purges with dpkg. */
  dpkg(...args: readonly string[]): Promise<string> {
    return this.sh(`dpkg --force-unsafe-io ${args.join(' ')} 2>&1`);
  }

  /** Brings a file of the test's machine there. */
  async bring(from: string, to: string): Promise<void> {
    await this.#box.sh(`cp ${from} ${ROOT}${to}`);
  }

  /** Files that are there now and were not on the machine, or are changed; less what dpkg notes for itself. */
  async changes(): Promise<string[]> {
    const found = await this.#box.sh(`find ${UPPER} ! -type d -printf '/%P\\n'`);
    return found.split('\n').filter((path) => path !== '' && !BOOKKEEPING.test(path));
  }

  async #finish(running: Promise<Finished>, script: string): Promise<string> {
    const { status, stdout, stderr } = await running;
    if (status !== 0) throw new Error(`exit ${status} of:\n${script}\n${stdout}${stderr}`);
    return stdout;
  }
}
