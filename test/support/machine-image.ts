import type { Sandbox } from './sandbox.ts';

/** Where packages put their files, and dpkg its notes. */
const DIRECTORIES = ['/etc', '/usr', '/var/lib', '/var/cache'];
const MEMORY = '/run/machine';
/** What dpkg and its tools write for themselves. */
const BOOKKEEPING = /^\/var\/(?:lib\/(?:dpkg|apt|systemd)|cache)\//;

/**
 * Makes a sandbox a machine of its own, on which a test may install packages: overlays over the machine's directories, whose
 * changes are in memory and end with the sandbox.
 */
export class MachineImage {
  readonly #box: Sandbox;

  private constructor(box: Sandbox) {
    this.#box = box;
  }

  static async create(box: Sandbox): Promise<MachineImage> {
    const overlays = DIRECTORIES.map((directory) => {
      const own = `${MEMORY}${directory}`;
      return `mkdir -p ${own}/{upper,work}
        mount -t overlay overlay -o lowerdir=${directory},upperdir=${own}/upper,workdir=${own}/work ${directory}`;
    });
    await box.sh(`mkdir ${MEMORY}\nmount -t tmpfs tmpfs ${MEMORY}\n${overlays.join('\n')}`);
    return new MachineImage(box);
  }

  /** Installs, removes or purges with dpkg. */
  dpkg(...args: readonly string[]): Promise<string> {
    return this.#box.sh(`dpkg --force-unsafe-io ${args.join(' ')} 2>&1`);
  }

  /** Files that were not on the machine, or are changed or gone; less what dpkg notes for itself. */
  async changes(): Promise<string[]> {
    const uppers = DIRECTORIES.map(
      (directory) => `find ${MEMORY}${directory}/upper ! -type d -printf '${directory}/%P\\n'`,
    );
    const found = await this.#box.sh(uppers.join('\n'));
    return found.split('\n').filter((path) => path !== '' && !BOOKKEEPING.test(path));
  }
}
