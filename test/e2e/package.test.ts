import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MachineImage } from '../support/machine-image.ts';
import { makePackages, removePackages, VERSION } from '../support/packages.ts';
import { Sandbox } from '../support/sandbox.ts';

/** The Debian packages on a copy of this machine, beside a stand-in for OpenNebula's own package. */
const REMOTES = '/var/lib/one/remotes';
const OPERATORS = `${REMOTES}/etc/vnm/OpenNebulaNetwork.conf`;
let out: string;
let box: Sandbox;
let machine: MachineImage;

beforeAll(() => {
  out = makePackages();
});

afterAll(() => removePackages(out));

beforeEach(async () => {
  box = await Sandbox.create();
  machine = await MachineImage.create(box);
  await box.sh(`cp ${out}/* /run/test/`);
});

afterEach(async () => {
  await box.close();
});

/** OpenNebula's package as far as it matters: the files that ours meets, the configuration, the user. */
async function installOpenNebula(release: string): Promise<void> {
  await box.sh(`
    getent passwd oneadmin >/dev/null || useradd --system --home-dir /var/lib/one --no-create-home oneadmin
    rm -rf /run/test/one
    mkdir -p /run/test/one/DEBIAN /run/test/one${REMOTES}/vnm/bridge /run/test/one${REMOTES}/etc/vnm
    cd /run/test/one
    printf 'Package: opennebula\\nVersion: ${release}\\nArchitecture: all\\nMaintainer: x <x@y>\\nDescription: x\\n' >DEBIAN/control
    echo ${OPERATORS} >DEBIAN/conffiles
    for name in tproxy tproxy.rb bridge/pre; do echo "stock $name ${release}" >.${REMOTES}/vnm/$name; done
    printf ':vlan_mtu: 1500\\n' >.${OPERATORS}
    dpkg-deb --root-owner-group --build /run/test/one /run/test/opennebula.deb >/dev/null
  `);
  await machine.dpkg('--install', '/run/test/opennebula.deb');
}

const install = (name: string): Promise<string> =>
  machine.dpkg('--install', `/run/test/${name}_${VERSION}_all.deb`);
const read = (path: string): Promise<string> => box.sh(`cat ${path}`);

describe('on a front-end with OpenNebula', () => {
  beforeEach(async () => {
    await installOpenNebula('6.10.0');
    await box.sh(`printf ':tproxy:\\n- :service_port: 5030\\n  :remote_addr: 10.0.0.1\\n' >${OPERATORS}`);
    await install('tproxy');
  });

  test('the program is there, for everybody and as oneadmin, and the operator keeps what is his', async () => {
    expect(await box.sh('tproxy --version')).toMatch(new RegExp(`^${VERSION.replaceAll('.', '\\.')} \\(`));
    // It finds the operator's file, and the mistake in it.
    const check = await box.sh('tproxy check 2>&1 || echo "exit $?"');
    expect(check).toContain(`${OPERATORS}:2:3: error: :remote_port: of entry 1 is missing`);
    expect(check).toMatch(/exit 2\n$/);
    expect(await box.sh(`tproxy check ${OPERATORS}.tproxy-example`)).toContain(': ok, ');

    const owners = await box.sh(`
      cd ${REMOTES}
      stat -c '%U %n' vnm/tproxy vnm/tproxy.rb vnm/tproxy.d/entry.cjs vnm/bridge/pre.d/50-tproxy vnm/bridge/pre
    `);
    expect(owners.trim().split('\n')).toEqual([
      'oneadmin vnm/tproxy',
      'oneadmin vnm/tproxy.rb',
      'oneadmin vnm/tproxy.d/entry.cjs',
      'oneadmin vnm/bridge/pre.d/50-tproxy',
      'root vnm/bridge/pre',
    ]);
    expect(await read(`${REMOTES}/vnm/tproxy.stock`)).toBe('stock tproxy 6.10.0\n');
    expect(await read(`${REMOTES}/vnm/tproxy.rb`)).toContain('setup_tproxy');
    expect(await box.sh('zcat /usr/share/man/man8/tproxy.8.gz')).toContain('.TH TPROXY 8');
    expect(await read('/usr/share/bash-completion/completions/tproxy')).toContain('complete -F _tproxy');
    expect(await read('/usr/share/zsh/vendor-completions/_tproxy')).toMatch(/^#compdef tproxy/);
  });

  test('an upgrade of OpenNebula leaves it in place, an upgrade of it leaves the configuration alone', async () => {
    await installOpenNebula('6.10.1');
    expect(await read(`${REMOTES}/vnm/tproxy.stock`)).toBe('stock tproxy 6.10.1\n');
    expect(await read(`${REMOTES}/vnm/tproxy`)).toContain('tproxy.d/boot.cjs');

    await box.sh(`
      dpkg-deb -R /run/test/tproxy_${VERSION}_all.deb /run/test/next
      sed -i 's/^Version: .*/Version: 99.0/' /run/test/next/DEBIAN/control
      echo '// of the next version' >>/run/test/next${REMOTES}/vnm/tproxy
      rm /run/test/next${REMOTES}/vnm/vxlan/pre.d/50-tproxy
      dpkg-deb --root-owner-group --build /run/test/next /run/test/next.deb >/dev/null
    `);
    await machine.dpkg('--install', '/run/test/next.deb');
    expect(await read(`${REMOTES}/vnm/tproxy`)).toContain('of the next version');
    expect(await read(`${REMOTES}/vnm/tproxy.stock`)).toBe('stock tproxy 6.10.1\n');
    expect(await box.sh(`ls -A ${REMOTES}/vnm/vxlan/pre.d`)).toBe('');
    expect(await read(OPERATORS)).toContain(':service_port: 5030');
  });

  test('after removal the stock files are back and nothing else is left', async () => {
    await machine.dpkg('--remove', 'tproxy');
    expect(await read(`${REMOTES}/vnm/tproxy`)).toBe('stock tproxy 6.10.0\n');
    expect(await read(`${REMOTES}/vnm/tproxy.rb`)).toBe('stock tproxy.rb 6.10.0\n');
    expect(await read(OPERATORS)).toContain(':service_port: 5030');
    await machine.dpkg('--purge', 'tproxy');
    const left = (await machine.changes()).filter((path) => !path.startsWith('/etc/'));
    expect(left.sort()).toEqual([
      OPERATORS,
      `${REMOTES}/vnm/bridge/pre`,
      `${REMOTES}/vnm/tproxy`,
      `${REMOTES}/vnm/tproxy.rb`,
    ]);
    expect(await box.sh('dpkg-divert --list tproxy')).toBe('');
  });
});

test('on a machine without OpenNebula it comes and goes without a trace', async () => {
  const before = await machine.changes();
  await install('tproxy');
  expect(await box.sh('tproxy --version')).toContain(VERSION);
  await machine.dpkg('--purge', 'tproxy');
  expect(await machine.changes()).toEqual(before);
  expect(await box.sh('ls -d /var/lib/one 2>/dev/null || echo gone')).toBe('gone\n');
});

test('the tarball and the package do not mix, and each says so', async () => {
  await installOpenNebula('6.10.0');
  await box.sh(`cd /run/test && tar -xzf tproxy-${VERSION}.tar.gz && tproxy-${VERSION}/install.sh install`);
  await expect(install('tproxy')).rejects.toThrow(/run its 'install.sh remove' first/);
  expect(await read(`${REMOTES}/vnm/tproxy`)).toContain('tproxy.d/boot.cjs');
  await box.sh(`/run/test/tproxy-${VERSION}/install.sh remove`);
  await install('tproxy');
  await expect(box.sh(`/run/test/tproxy-${VERSION}/install.sh install`)).rejects.toThrow(
    /upgrade it with dpkg/,
  );
  await machine.dpkg('--purge', 'tproxy');
  expect(await read(`${REMOTES}/vnm/tproxy`)).toBe('stock tproxy 6.10.0\n');
});

test('OpenNebula that comes later steps aside', async () => {
  await install('tproxy');
  await installOpenNebula('6.10.0');
  expect(await read(`${REMOTES}/vnm/tproxy`)).toContain('tproxy.d/boot.cjs');
  await machine.dpkg('--purge', 'tproxy');
  expect(await read(`${REMOTES}/vnm/tproxy`)).toBe('stock tproxy 6.10.0\n');
});

test('tproxy-node: sudo, logrotate and systemd files come, and go with the logs', async () => {
  const before = await machine.changes();
  expect(await install('tproxy-node')).toContain('run there: sudo -u oneadmin tproxy sync');
  expect(await box.sh('visudo -c 2>&1')).toContain('/etc/sudoers.d/one-tproxy: parsed OK');
  expect(await box.sh('stat -c %a /etc/sudoers.d/one-tproxy')).toBe('440\n');
  expect(await read('/usr/lib/systemd/system/one-tproxy.service')).toContain(
    'ExecStart=/var/tmp/one/vnm/tproxy start',
  );
  expect(await read('/usr/lib/systemd/network/05-one-tproxy.network')).toContain('Unmanaged=yes');
  expect(await read('/usr/lib/udev/rules.d/70-one-tproxy.rules')).toContain('NM_UNMANAGED');
  await box.sh('touch /var/log/one_tproxy.log /var/log/one_tproxy_br0.log.1.gz /var/log/other.log');
  await box.sh('mkdir -p /run/one_tproxy/.code; touch /run/one_tproxy/lock /run/one_tproxy/.code/entry');
  await machine.dpkg('--remove', 'tproxy-node');
  expect(await box.sh('ls /etc/sudoers.d /var/log')).toContain('one_tproxy.log');
  await machine.dpkg('--purge', 'tproxy-node');
  expect(await box.sh('ls /var/log')).toContain('other.log');
  expect(await box.sh('ls /var/log /run')).not.toContain('one_tproxy');
  expect(await machine.changes()).toEqual(before);
});

test('tproxy-node that goes while guests have services leaves them theirs, and says what follows', async () => {
  await install('tproxy-node');
  await box.sh(`mkdir /run/one_tproxy; touch /run/one_tproxy/lock
    ${process.execPath} -e "require('net').createServer().listen('/run/one_tproxy/control.sock', () => process.kill(process.pid, 9))" || true`);
  expect(await machine.dpkg('--purge', 'tproxy-node')).toContain('guests have services here and keep them');
  expect(await box.sh('ls /run/one_tproxy')).toBe('control.sock\nlock\n');
});
