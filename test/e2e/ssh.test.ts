import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSite, type Site, UPSTREAM_ADDRESS, untilListening } from '../support/site.ts';

const MEGABYTES = 20;
const SSH =
  'ssh -F none -i /run/test/user_key -p 2222 -o BatchMode=yes -o ConnectTimeout=10 -o UserKnownHostsFile=/run/test/known_hosts root@169.254.16.9';
let site: Site;

beforeAll(async () => {
  site = await createSite({ services: { 2222: `${UPSTREAM_ADDRESS}:22` } });
  const { box, host, hypervisor, guest } = site;
  await box.sh(`
    cd /run/test
    ssh-keygen -q -t ed25519 -N '' -f host_key
    ssh-keygen -q -t ed25519 -N '' -f user_key
    cp user_key.pub authorized_keys
    printf '[169.254.16.9]:2222 %s\\n' "$(cut -d' ' -f1,2 host_key.pub)" > known_hosts
    head -c ${MEGABYTES}000000 /dev/urandom > noise
    # sshd lets nobody in whose password is locked, as root's is on many machines.
    sed 's/^root:[^:]*:/root:*:/' /etc/shadow > shadow
    mount --bind shadow /etc/shadow
  `);
  writeFileSync(
    box.path('/run/test/sshd_config'),
    `
ListenAddress ${UPSTREAM_ADDRESS}:22
HostKey /run/test/host_key
AuthorizedKeysFile /run/test/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile none
`,
  );
  const sshd = host.spawn(['/usr/sbin/sshd', '-D', '-e', '-f', '/run/test/sshd_config']);
  await untilListening(host, 22, sshd);
  await hypervisor.deploy(guest);
});

afterAll(async () => {
  await site.box.close();
});

test('a command runs on the other side', async () => {
  const { guest } = site;
  const out = await guest.sh(`${SSH} 'echo "from $SSH_CONNECTION"; exit 5' || echo "status $?"`);
  expect(out).toMatch(/^from 10\.255\.\d+\.1 \d+ 10\.11\.12\.13 22\nstatus 5\n$/);
});

test(`${MEGABYTES} MB there and back`, async () => {
  const { guest } = site;
  const here = await guest.sh('sha256sum < /run/test/noise');
  expect(await guest.sh(`${SSH} sha256sum < /run/test/noise`)).toBe(here);
  expect(await guest.sh(`${SSH} cat /run/test/noise < /dev/null | sha256sum`)).toBe(here);
});

test('a session that says nothing for a while stays', async () => {
  const { guest } = site;
  expect(await guest.sh(`(sleep 3; echo tail) | ${SSH} 'echo head; cat'`)).toBe('head\ntail\n');
});
