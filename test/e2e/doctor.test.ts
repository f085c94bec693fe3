import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DoctorReport } from '../../src/doctor/json.ts';
import {
  createPatient,
  EXECUTABLE,
  examine,
  GREETER,
  NOT_IN_A_SANDBOX,
  SILENT,
  seen,
  skippedIn,
  troubles,
} from '../support/doctor.ts';
import type { Site } from '../support/site.ts';

let site: Site;
beforeAll(async () => {
  site = await createPatient();
});
afterAll(async () => {
  await site.box.close();
});

test('with nothing deployed it says so', async () => {
  const { status, stdout } = await site.hypervisor.tproxy('doctor');
  expect(stdout).toMatch(/^\d+ ok, 0 warnings, 0 failed, 1 skipped; no bridge on this host has services$/m);
  expect(status).toBe(0);
  expect(stdout).not.toContain('\u001b');
});

test('with a guest everything holds, the whole way to the upstreams', async () => {
  await site.hypervisor.deploy(site.guest);
  const report = await examine(site);
  expect(troubles(report)).toEqual([]);
  expect(report).toMatchObject({ status: 0, holds: true });
  expect(skippedIn(report)).toEqual(NOT_IN_A_SANDBOX);
  expect(seen(report, 'connection', '5030')).toContain(`${GREETER} answers through the proxy`);
  expect(seen(report, 'connection', '80')).toContain(`taken, and ${SILENT} accepts`);
  const order = report.checks.map(({ id }) => id);
  expect(
    [...order].filter((id) => ['root', 'bridge', 'veth', 'forwarder', 'upstream', 'connection'].includes(id)),
  ).toEqual(['root', 'bridge', 'veth', 'forwarder', 'upstream', 'upstream', 'connection', 'connection']);
});

test('it takes no lock and changes nothing', async () => {
  const { box } = site;
  const state = () =>
    box.sh(`
      nft -a list ruleset | grep -v expires; ip link show; ip netns list; ls -lR --time-style=full-iso /run/one_tproxy
      for netns in /run/netns/one_tproxy_*; do nsenter --net="$netns" ip address; done
      stat -c '%n %s' /var/log/one_tproxy.log; ps -eo pid,args | grep '[o]ne_tproxy' | grep -v nsenter
    `);
  const before = await state();
  const holder = box.spawn(['flock', '/run/one_tproxy/lock', 'bash', '-c', 'echo held; read -r']);
  await holder.waitFor(/^held$/m);
  expect(troubles(await examine(site))).toEqual([]);
  await holder.stop();
  expect(await state()).toBe(before);
});

test('an unknown bridge has nothing; a name that can be no bridge is bad usage', async () => {
  const report = await examine(site, '--bridge', 'absent0');
  expect(report.status).toBe(0);
  expect(seen(report, 'plan')).toBe('no services here, and nothing is plumbed');
  const { status, stderr } = await site.hypervisor.tproxy('doctor', '--bridge', 'no/bridge');
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringContaining('not a valid bridge name'),
  });
});

test('it needs root and says so', async () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', EXECUTABLE, 'doctor'];
  const { status, stdout, stderr } = await site.box.run(nobody);
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  expect(stdout).toContain(
    `FAILED   root  you are not root\n                 → run it with sudo: sudo ${EXECUTABLE} doctor`,
  );
});

test.each([
  { missing: 'nft', skipped: ['arp', 'kernel-nft', 'redirect'] },
  { missing: 'ip', skipped: ['bridge', 'inside', 'kernel-links'] },
])('without $missing it says what that keeps it from', async ({ missing, skipped }) => {
  const { box } = site;
  const tools = `/run/test/without-${missing}`;
  await box.sh(`
    mkdir -p ${tools}
    for tool in ip bridge awk nft nsenter setpriv bash cat sh unshare getent; do
      [ $tool = ${missing} ] || ln -sf "$(command -v $tool)" ${tools}/$tool
    done
  `);
  const command = ['env', `PATH=${tools}`, process.execPath, EXECUTABLE, 'doctor', '--json'];
  const { status, stdout } = await box.run(command);
  const report = JSON.parse(stdout) as DoctorReport;
  expect(status).toBe(1);
  expect(troubles(report)).toContain(`tool/${missing}: failed`);
  const all = report.checks.filter(({ verdict }) => verdict === 'skipped');
  expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining(skipped));
  for (const { reason } of all) expect(reason).toMatch(/^needs /);
  expect(stdout).not.toContain('the check itself broke');
  expect(report.checks.find(({ id }) => id === skipped[0])?.reason).toBe(`needs ${missing}`);
});

test('with an nft that never answers it ends all the same', async () => {
  const { box } = site;
  const tools = '/run/test/hanging';
  await box.sh(
    `mkdir -p ${tools}; printf '#!/bin/sh\\nexec sleep 600\\n' >${tools}/nft; chmod 755 ${tools}/nft`,
  );
  const path = `PATH=${tools}:${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
  const { stdout } = await box.run(['env', path, process.execPath, EXECUTABLE, 'doctor', '--json'], {
    timeoutMs: 60_000,
  });
  const report = JSON.parse(stdout) as DoctorReport;
  expect(seen(report, 'tool', 'nft')).toBe('nft --version: no answer within 4 s');
  expect(seen(report, 'arp')).toBe('needs nft');
  expect(seen(report, 'veth')).toContain('port of br0');
});
