import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONDITION_MS } from './patience.ts';
import { Place } from './place.ts';
import type { Program } from './program.ts';

export interface SandboxOptions {
  /**
   * A user namespace and no process namespace (`unshare -rnm`), as other implementations' suites do: only uid 0 exists
   * there, `/sys` is the machine's, and daemons outlive the sandbox. `close()` rejects when a test has left one running.
   */
  readonly userns?: boolean;
}

/** What was told to end: how long a test that left it running waits for the verdict. */
const ENDING_MS = 5_000;

/** Private state directories: nothing a test does is seen by the machine or by another test. */
const PRIVATE_DIRECTORIES = `
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock /run/sshd /run/test
mount -t tmpfs -o mode=755 tmpfs /var/log
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
ip link set lo up
`;
/** The holder ends with the test: its standard input is a pipe that the kernel closes whatever happens to the test. */
const HOLD = 'echo ready; while read -r _; do :; done';

const UNSHARE = {
  root: ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private'],
  userns: ['--map-root-user', '--net', '--mount', '--propagation', 'private'],
};

interface Holder {
  readonly pid: number;
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  release(): void;
  kill(): void;
}

/**
 * A hypervisor of its own inside this machine: network, mount and process namespaces with private `/run`, `/var/log`
 * and `/var/tmp`. As a `Place` it is the root namespace of that hypervisor. Needs root.
 *
 *     const box = await Sandbox.create();
 *     await box.sh('ip link add br0 type bridge');
 *     await box.close();
 */
export class Sandbox extends Place {
  /** Random, also part of names that have to be unique on the machine. */
  readonly id: string;
  readonly userns: boolean;
  readonly #holder: Holder;
  readonly #programs: Set<Program>;
  #closed: Promise<void> | undefined;

  private constructor(holder: Holder, programs: Set<Program>, userns: boolean, id: string) {
    super({ enter: enterArgs(holder.pid, userns), stays: !userns }, programs);
    this.#holder = holder;
    this.#programs = programs;
    this.userns = userns;
    this.id = id;
  }

  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const userns = options.userns ?? false;
    const id = randomBytes(4).toString('hex');
    const holder = await startHolder(userns, id);
    return new Sandbox(holder, new Set(), userns, id);
  }

  /** Where the test, which stands outside, finds a file of the sandbox, such as `/run/test/id_ed25519`. */
  path(inside: string): string {
    return `/proc/${this.#holder.pid}/root${inside}`;
  }

  /** Processes of the sandbox as the machine numbers them, the holder excepted. */
  processes(): { pid: number; cmdline: string }[] {
    return processesIn(this.#namespace()).filter(({ pid }) => !this.#holderPids().includes(pid));
  }

  /** Ends everything in it. Rejects when something is left, or when a test should have ended it (`userns`). */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#programs].map((program) => program.stop()));
    const namespace = this.#namespace();
    const abandoned = this.userns ? await this.#abandoned() : [];
    for (const { pid } of abandoned) killQuietly(pid);
    this.#holder.release();
    const late = setTimeout(() => this.#holder.kill(), CONDITION_MS);
    await this.#holder.exited;
    clearTimeout(late);
    const left = await waitUntilEmpty(() => processesIn(namespace));
    if (left.length > 0) throw new Error(`processes of the sandbox survived it: ${describe(left)}`);
    if (abandoned.length > 0) {
      throw new Error(`the test left processes running in the sandbox: ${describe(abandoned)}`);
    }
  }

  /** A process that was told to end just now gets a moment to do so. */
  async #abandoned(): Promise<{ pid: number; cmdline: string }[]> {
    return waitUntilEmpty(() => this.processes(), ENDING_MS);
  }

  /** What every process of the sandbox shares, whatever network and mount namespaces it has moved to. */
  #namespace(): { kind: string; link: string } {
    const kind = this.userns ? 'user' : 'pid';
    const file = this.userns ? 'user' : 'pid_for_children';
    return { kind, link: readlinkSync(`/proc/${this.#holder.pid}/ns/${file}`) };
  }

  #holderPids(): number[] {
    const { pid } = this.#holder;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
    // With --fork the process in the namespace is unshare's child.
    return this.userns ? [pid] : [pid, ...children];
  }
}

function enterArgs(pid: number, userns: boolean): string[] {
  const at = (namespace: string) => `/proc/${pid}/ns/${namespace}`;
  const spaces = userns
    ? [`--user=${at('user')}`, '--preserve-credentials', `--net=${at('net')}`, `--mount=${at('mnt')}`]
    : [`--net=${at('net')}`, `--mount=${at('mnt')}`, `--pid=${at('pid_for_children')}`];
  return ['nsenter', ...spaces, '--'];
}

async function startHolder(userns: boolean, id: string): Promise<Holder> {
  // /sys shows the devices of the namespace that mounted it.
  const setUp = userns ? PRIVATE_DIRECTORIES : `mount -t sysfs sysfs /sys\n${PRIVATE_DIRECTORIES}`;
  const script = `set -eu\n${setUp}\n${HOLD}`;
  // Without --norc bash reads the machine's start-up files: Node's pipes are sockets, which it takes for a remote login.
  const shell = ['bash', '--norc', '-c', script, `sandbox-${id}`];
  const child = spawn('unshare', [...UNSHARE[userns ? 'userns' : 'root'], '--', ...shell], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // SHLVL: a first bash whose standard input is a socket, as Node's pipes are, reads the user's .bashrc.
    env: { PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C', SHLVL: '2' },
  });
  let output = '';
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const ready = new Promise<void>((resolve, reject) => {
    const take = (text: string) => {
      output += text;
      if (output.includes('ready\n')) resolve();
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`no sandbox (exit ${code}): ${output}`)));
    setTimeout(
      () => reject(new Error(`no sandbox within ${CONDITION_MS} ms: ${output}`)),
      CONDITION_MS,
    ).unref();
  });
  try {
    await ready;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  child.unref();
  return {
    pid: child.pid ?? 0,
    exited,
    release: () => child.stdin.end(),
    kill: () => child.kill('SIGKILL'),
  };
}

function processesIn(namespace: { kind: string; link: string }): { pid: number; cmdline: string }[] {
  const found: { pid: number; cmdline: string }[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readlinkSync(`/proc/${entry}/ns/${namespace.kind}`) !== namespace.link) continue;
      const cmdline = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      // A zombie has no command line; its parent is about to take it.
      if (cmdline !== '') found.push({ pid: Number(entry), cmdline });
    } catch {
      // Ended while we looked.
    }
  }
  return found;
}

async function waitUntilEmpty<T>(look: () => T[], timeoutMs = CONDITION_MS): Promise<T[]> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = look();
    if (found.length === 0 || Date.now() > deadline) return found;
    await sleep(20);
  }
}

function describe(processes: readonly { pid: number; cmdline: string }[]): string {
  return processes.map(({ pid, cmdline }) => `${pid} ${cmdline}`).join(', ');
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
