import { MachineImage } from '../machine-image.ts';
import { addGuest, type Guest } from '../network.ts';
import type { Finished } from '../program.ts';
import { createSite, program, type Site, UPSTREAM_ADDRESS } from '../site.ts';

const FRONT_END = '/var/lib/one/remotes';
const HYPERVISOR = '/var/tmp/one';
const WORK = '/run/test/work';

/** Front-end and hypervisor in one sandbox, as the pages of the manual find them. */
export class Scene {
  readonly site: Site;
  /** VM 7. */
  readonly guest: Guest;

  private constructor(site: Site, guest: Guest) {
    this.site = site;
    this.guest = guest;
  }

  /**
   * `empty`: OpenNebula is there, nothing of ours but the packages in the working directory. `running`: installed on both, VM 7
   * deployed on br0 with a service. `packages`: folder with what `npm run package` makes.
   */
  static async create(kind: string, packages: string): Promise<Scene> {
    if (kind !== 'empty' && kind !== 'running') throw new Error(`no such scene: ${kind}`);
    const site = await createSite();
    try {
      const { box, host, hypervisor } = site;
      await MachineImage.create(box);
      const guest = await addGuest(box, site.bridge, { ip: '192.168.150.7', vmId: 7 });
      await box.sh(`ip link delete ${site.guest.device}`);
      const server = host.spawn(program('web', host.ip, 5030, 'Hello from OneGate'));
      await server.waitFor(/^listening$/m);
      await openNebula(site);
      await box.sh(`cp ${packages}/* ${WORK}/`);
      if (kind === 'running') {
        const services = `:tproxy:\n- :service_port: 5030\n  :remote_addr: ${UPSTREAM_ADDRESS}\n  :remote_port: 5030\n`;
        await box.sh(`
          dpkg --force-unsafe-io -i ${WORK}/tproxy_*_all.deb ${WORK}/tproxy-node_*_all.deb
          printf '${services.replaceAll('\n', '\\n')}' >${FRONT_END}/etc/vnm/OpenNebulaNetwork.conf
          sudo -u oneadmin onehost sync -f
        `);
        await hypervisor.deploy(guest);
        await guest.sh('curl -sS --max-time 5 http://169.254.16.9:5030/');
      } else {
        await box.sh(`rm -rf ${HYPERVISOR}/*`);
      }
      return new Scene(site, guest);
    } catch (error) {
      await site.box.close();
      throw error;
    }
  }

  /** Runs a command line as a person would type it. */
  run(where: 'host' | 'guest', script: string): Promise<Finished> {
    const place = where === 'guest' ? this.guest : this.site.box;
    const shell = ['bash', '--norc', '-uo', 'pipefail', '-c', `cd ${WORK}\nexec 2>&1\n${script}`];
    return place.run(shell);
  }

  close(): Promise<void> {
    return this.site.box.close();
  }
}

/** A front-end's tree with stock files in it, its user, and `onehost sync`, all as far as commands in the manual need them. */
async function openNebula({ box }: Site): Promise<void> {
  await box.sh(`
    getent passwd oneadmin >/dev/null || useradd --system --home-dir /var/lib/one --no-create-home oneadmin
    mkdir -p ${FRONT_END}/vnm ${FRONT_END}/etc/vnm ${WORK}
    for name in tproxy tproxy.rb; do echo '# stock' >${FRONT_END}/vnm/$name; done
    printf ':vlan_mtu: 1500\\n' >${FRONT_END}/etc/vnm/OpenNebulaNetwork.conf
    # What a person answers; packages beyond those of the machine are not to be had here.
    printf 'APT::Get::Assume-Yes "true";\\nAPT::Install-Recommends "false";\\nDpkg::Options { "--force-unsafe-io"; };\\n' >/etc/apt/apt.conf.d/99scene
    mkdir -p /etc/bash_completion.d /usr/local/share/zsh/site-functions /usr/local/share/man/man8
    printf '#!/bin/sh\\nset -e\\nrm -rf ${HYPERVISOR}/*\\ncp -a ${FRONT_END}/. ${HYPERVISOR}/\\n' >/usr/bin/onehost
    chmod 755 /usr/bin/onehost
    chown -R oneadmin: ${FRONT_END} ${HYPERVISOR}
  `);
}
