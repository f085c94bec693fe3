import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scene } from '../support/docs/scene.ts';
import { removeGuest } from '../support/network.ts';
import { makePackages, removePackages, VERSION } from '../support/packages.ts';

/** A guest that never stops asking: a new connection every few milliseconds, and one that it keeps and talks on. */
const TRAFFIC = String.raw`
exec 3<>/dev/tcp/169.254.16.9/5030
asked=0
while [ ! -e /run/test/enough ]; do
  curl -sS --max-time 10 http://169.254.16.9:5030/ | grep -qx 'Hello from OneGate' || { echo "no answer to request $asked"; exit 1; }
  printf 'GET / HTTP/1.1\r\nHost: onegate\r\n\r\n' >&3
  while read -r -t 10 -u 3 line; do
    [ "$line" != 'Hello from OneGate' ] || break
  done
  [ "$line" = 'Hello from OneGate' ] || { echo "the session ended after $asked requests"; exit 1; }
  asked=$((asked + 1))
  [ "$asked" != 3 ] || echo running
  sleep 0.02
done
echo "all $asked answered"
`;

let packages: string;

beforeAll(() => {
  packages = makePackages();
});

afterAll(() => removePackages(packages));

test('upgraded by package, sync and restart under traffic, and removed without residue', async () => {
  const scene = await Scene.create('running', packages);
  const { box, hypervisor } = scene.site;
  try {
    const must = async (script: string): Promise<string> => {
      const { status, stdout } = await scene.run('host', script);
      expect({ script, status, stdout }).toMatchObject({ status: 0 });
      return stdout;
    };
    const traffic = scene.guest.spawn(['bash', '--norc', '-c', TRAFFIC]);
    await traffic.waitFor(/^running$/m);

    await must(`
      set -e
      dpkg-deb -R tproxy_${VERSION}_all.deb next
      sed -i 's/^Version: .*/Version: 99.0/' next/DEBIAN/control
      sed -i 's/"${VERSION} (/"99.0 (/' next/var/lib/one/remotes/vnm/tproxy.d/*.cjs
      dpkg-deb --root-owner-group --build next next.deb
      dpkg --force-unsafe-io -i next.deb
      sudo -u oneadmin onehost sync -f
    `);
    // The new files are there, and nothing has happened to what runs.
    expect(await must('tproxy --version')).toMatch(/^99\.0 \(/);
    const before = await hypervisor.daemons();
    await must('tproxy restart');
    expect(await hypervisor.daemons()).not.toEqual(before);
    const started = hypervisor.log('one_tproxy').filter(({ msg }) => msg === 'forwarder starts');
    expect(started.map(({ version }) => String(version).split(' ')[0])).toEqual([VERSION, '99.0']);
    expect(await must('grep -c 5030 /var/lib/one/remotes/etc/vnm/OpenNebulaNetwork.conf')).toBe('2\n');

    await box.sh('touch /run/test/enough');
    expect(await traffic.end()).toBe(0);
    expect(traffic.output).toMatch(/^all \d+ answered$/m);

    await removeGuest(box, scene.guest);
    await hypervisor.undeploy(scene.guest);
    await must('dpkg --purge tproxy tproxy-node');
    await must('sudo -u oneadmin onehost sync -f');
    expect(await hypervisor.leftovers()).toEqual([]);
    expect(await must('cat /var/tmp/one/vnm/tproxy')).toBe('# stock\n');
    expect(await must('ls /var/log /etc/sudoers.d /etc/logrotate.d')).not.toMatch(/one.tproxy/);
  } finally {
    await scene.close();
  }
});
