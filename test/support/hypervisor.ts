import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  bridgePort,
  isBridgeName,
  listenerTitle,
  NFT_TABLE,
  netnsName,
  PREFIX,
} from '../../src/model/names.ts';
import type { Guest } from './network.ts';
import type { Finished } from './program.ts';
import type { Sandbox } from './sandbox.ts';
import { type TemplateNic, templateFor } from './template.ts';

/** Where `onehost sync` puts the tree on a hypervisor. */
const REMOTES = '/var/tmp/one';
/** What is tested: the tree that `npm run build` makes, or the one that `TPROXY_REMOTES` names. */
const BUILT = process.env.TPROXY_REMOTES ?? fileURLToPath(new URL('../../dist/remotes', import.meta.url));
const RUNTIME_DIRECTORY = '/run/one_tproxy';

export interface Daemon {
  readonly title: string;
  /** As the sandbox numbers it, that is, as `status` prints it. */
  readonly pid: number;
}

/** The built tree in its place in a sandbox. */
export class Hypervisor {
  readonly box: Sandbox;

  private constructor(box: Sandbox) {
    this.box = box;
  }

  /** Copies `dist/remotes` into the sandbox, as `onehost sync` does, with this `OpenNebulaNetwork.conf`. */
  static async install(box: Sandbox, config = ''): Promise<Hypervisor> {
    if (!existsSync(`${BUILT}/vnm/tproxy`)) throw new Error(`no ${BUILT}/vnm/tproxy: run \`npm run build\``);
    await box.sh(`mkdir -p ${REMOTES} && cp -a ${BUILT}/. ${REMOTES}/`);
    const hypervisor = new Hypervisor(box);
    hypervisor.configure(config);
    return hypervisor;
  }

  /** Writes `OpenNebulaNetwork.conf` where the executable looks for it. */
  configure(config: string): void {
    mkdirSync(this.box.path(`${REMOTES}/etc/vnm`), { recursive: true });
    writeFileSync(this.box.path(`${REMOTES}/etc/vnm/OpenNebulaNetwork.conf`), config);
  }

  /** Runs `tproxy` with these arguments, whatever its exit status. */
  tproxy(...args: readonly string[]): Promise<Finished> {
    return this.box.run([`${REMOTES}/vnm/tproxy`, ...args]);
  }

  /** Runs `tproxy` and resolves with its standard output; rejects when its exit status is not 0. */
  async must(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.tproxy(...args);
    if (status !== 0) throw new Error(`tproxy ${args.join(' ')}: exit ${status}\n${stdout}${stderr}`);
    return stdout;
  }

  /** What OpenNebula does before the VM starts; rejects when the hook fails. */
  deploy(guest: Pick<Guest, 'vmId' | 'nicId' | 'bridge'>, nic: Partial<TemplateNic> = {}): Promise<string> {
    return this.#hook('pre', guest, nic);
  }

  /** What OpenNebula does after the VM has gone. */
  undeploy(guest: Pick<Guest, 'vmId' | 'nicId' | 'bridge'>, nic: Partial<TemplateNic> = {}): Promise<string> {
    return this.#hook('clean', guest, nic);
  }

  async #hook(
    phase: 'pre' | 'clean',
    guest: Pick<Guest, 'vmId' | 'nicId' | 'bridge'>,
    nic: Partial<TemplateNic>,
  ): Promise<string> {
    const driver = nic.vnMad ?? 'bridge';
    const directory = `${REMOTES}/vnm/${driver}/${phase}.d`;
    const hooks = readdirSync(this.box.path(directory)).sort();
    if (hooks.length === 0) throw new Error(`no hook in ${directory}`);
    const input = templateFor({
      vmId: guest.vmId,
      nics: [{ bridge: guest.bridge, nicId: guest.nicId, ...nic }],
    });
    let output = '';
    for (const hook of hooks) {
      const { status, stdout, stderr } = await this.box.run([`${directory}/${hook}`], { input });
      output += stdout + stderr;
      if (status !== 0) throw new Error(`${driver}/${phase}.d/${hook}: exit ${status}\n${stdout}${stderr}`);
    }
    return output;
  }

  /** The processes that `tproxy status` tells, as it tells them. */
  async daemons(): Promise<Daemon[]> {
    const { status, stdout, stderr } = await this.tproxy('status');
    if (status !== 0 && status !== 3) throw new Error(`tproxy status: exit ${status}\n${stdout}${stderr}`);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const match = /^(\S+): (\d+)$/.exec(line);
        if (match === null) throw new Error(`tproxy status printed: ${line}`);
        return { title: match[1] ?? '', pid: Number(match[2]) };
      });
  }

  /** The running process with this title; rejects when `status` has none. */
  async daemon(title: string): Promise<Daemon> {
    const all = await this.daemons();
    const found = all.find((daemon) => daemon.title === title);
    if (found === undefined) throw new Error(`no ${title} in tproxy status: ${JSON.stringify(all)}`);
    return found;
  }

  listener(bridge: string): Promise<Daemon> {
    return this.daemon(listenerTitle(bridge));
  }

  forwarder(): Promise<Daemon> {
    return this.daemon(PREFIX);
  }

  /** Lines of a log, parsed; empty when there is no such file. */
  log(name: string): Record<string, unknown>[] {
    const file = this.box.path(`/var/log/${name}.log`);
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Finished connections in the log of a bridge. */
  connections(bridge: string): Record<string, unknown>[] {
    return this.log(listenerTitle(bridge)).filter(({ msg }) => msg === 'connection finished');
  }

  /** Everything that the program can leave behind, logs and its lock file excepted; empty after the last `down`. */
  async leftovers(): Promise<string[]> {
    const script = `
      ip netns list | cut -d' ' -f1 | grep '^${PREFIX}' | sed 's/^/netns /' || true
      ip -o link show | cut -d: -f2 | tr -d ' ' | cut -d@ -f1 | sed 's/^/link /'
      nft list tables | grep ' ${NFT_TABLE}$' || true
      nft list ruleset | grep -E '(map ep_|chain ch_)' || true
      ls -A ${RUNTIME_DIRECTORY} 2>/dev/null | grep -vx -e lock -e .code -e nft.json | sed 's,^,file ${RUNTIME_DIRECTORY}/,' || true
    `;
    const bridges = (await this.box.sh('ip -o link show type bridge | cut -d: -f2')).split(/\s+/);
    const ports = bridges.filter(isBridgeName).map((bridge) => `link ${bridgePort(bridge)}`);
    const found = (await this.box.sh(script))
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && (!line.startsWith('link ') || ports.includes(line)));
    const processes = this.box
      .processes()
      .filter(({ cmdline }) => cmdline.startsWith(PREFIX) || cmdline.includes(`${REMOTES}/vnm`))
      .map(({ cmdline }) => `process ${cmdline}`);
    return [...found, ...processes];
  }
}

/**
 * The plumbing of a bridge as the stock drivers make it, by hand: the link that is made in the root namespace and moved,
 * no loopback, no sysctl, and the endpoint map.
 */
export async function plumbByHand(
  box: Sandbox,
  bridge: string,
  services: Readonly<Record<number, string>>,
): Promise<void> {
  await box.sh(`
    ip link add ${bridge}b type veth peer name ${bridge}a
    ip link set dev ${bridge}b master ${bridge} up
    ip netns add ${netnsName(bridge)}
    ip link set ${bridge}a netns ${netnsName(bridge)}
    ip netns exec ${netnsName(bridge)} ip address replace 169.254.16.9/32 dev ${bridge}a
    ip netns exec ${netnsName(bridge)} ip link set dev ${bridge}a up
    ip netns exec ${netnsName(bridge)} ip route replace default dev ${bridge}a
  `);
  await mapByHand(box, bridge, services);
}

/** Replaces the endpoint map of a bridge: service port → `address . port`. */
export async function mapByHand(
  box: Sandbox,
  bridge: string,
  services: Readonly<Record<number, string>>,
): Promise<void> {
  const elements = Object.entries(services).map(
    ([port, upstream]) => `add element ip one_tproxy ep_${bridge} { ${port} : ${upstream} };`,
  );
  const input = `
    table ip one_tproxy { map ep_${bridge} { type inet_service : ipv4_addr . inet_service; }; };
    flush map ip one_tproxy ep_${bridge};
    ${elements.join('\n')}
  `;
  await box.sh('nft -f -', { input });
}

/** What the stock drivers do when the last VM has gone: map, link, namespace. */
export async function unplumbByHand(box: Sandbox, bridge: string): Promise<void> {
  await box.sh(`
    nft delete map ip one_tproxy ep_${bridge}
    ip link delete ${bridge}b
    ip netns delete ${netnsName(bridge)}
  `);
}
