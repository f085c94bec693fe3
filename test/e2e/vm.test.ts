import { afterEach, expect, test } from 'vitest';
import { createSite, type Site, UPSTREAM_ADDRESS, untilListening } from '../support/site.ts';
import { addTap, runVirtualMachine } from '../support/vm/machine.ts';

const BOUND_MS = 60_000;
let site: Site;

afterEach(async () => {
  await site.box.close();
});

test('a virtual machine boots, fetches from 169.254.16.9 and powers off', async () => {
  site = await createSite({ services: { 5030: `${UPSTREAM_ADDRESS}:8080` } });
  const { box, host, hypervisor, bridge } = site;
  await box.sh('mkdir -p /run/test/www; echo "VM, this is the backbone" > /run/test/www/index.html');
  const httpd = host.spawn([
    'busybox',
    'httpd',
    '-f',
    '-p',
    `${UPSTREAM_ADDRESS}:8080`,
    '-h',
    '/run/test/www',
  ]);
  await untilListening(host, 8080, httpd);

  const vm = { bridge, vmId: 42, nicId: 0, address: '192.168.150.42/24', url: 'http://169.254.16.9:5030/' };
  await hypervisor.deploy(vm);
  // The tap appears when the machine starts, after the hook.
  const tap = await addTap(box, vm);
  const result = await runVirtualMachine(box, tap, vm, BOUND_MS);
  expect(result).toMatchObject({ status: 0, answer: 'VM, this is the backbone\n' });
  expect(result.kernel).toMatch(/-cloud-/);

  await box.sh(`ip link delete ${tap}`);
  // The bridge has another guest, which was never deployed.
  await box.sh(`ip link delete ${site.guest.device}`);
  await hypervisor.undeploy(vm);
  expect(await hypervisor.leftovers()).toEqual([]);
});
