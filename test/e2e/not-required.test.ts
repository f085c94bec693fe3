import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addGuest, removeGuest } from '../support/network.ts';
import { ask, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';
import { templateFor } from '../support/template.ts';

/** No fault of ours keeps a VM from starting whose disk and network are fine, unless the operator wants it so. */
const SERVICES = `
:tproxy:
- :service_port: 5030
  :remote_addr: ${UPSTREAM_ADDRESS}
  :remote_port: 1111
`;
const BROKEN = ':tproxy: [\n';
const HOOK = '/var/tmp/one/vnm/bridge/pre.d/50-tproxy';

let site: Site;

beforeEach(async () => {
  site = await createSite({ services: { 5030: `${UPSTREAM_ADDRESS}:1111` } });
  await startGreeter(site.host, 1111, 'first');
});

afterEach(async () => {
  await site.box.close();
});

const metric = async (): Promise<string> => {
  const { stdout } = await site.hypervisor.tproxy('metrics');
  return /^tproxy_failed_nics .*$/m.exec(stdout)?.[0] ?? '';
};
const doctor = async (): Promise<string> => (await site.hypervisor.tproxy('doctor')).stdout;
const hookErrors = () => site.hypervisor.log('one_tproxy').filter(({ msg }) => msg === 'hook failed');

/** What OpenNebula does before the VM of the site starts, with these variables. */
function pre(env: Readonly<Record<string, string>> = {}) {
  const { vmId, nicId, bridge } = site.guest;
  const input = templateFor({ vmId, nics: [{ bridge, nicId }] });
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return site.box.run(['/usr/bin/env', ...variables, HOOK], { input });
}

describe('a configuration that is no YAML', () => {
  test('is told everywhere, and VMs start: what is mapped stays, and the rest comes by apply', async () => {
    const { box, hypervisor, guest, bridge } = site;
    hypervisor.configure(BROKEN);
    expect(await hypervisor.deploy(guest)).toMatch(/^ERROR: pre: .*unreadable.*no service$/m);
    expect(await metric()).toBe('tproxy_failed_nics 1');
    expect(await doctor()).toMatch(/VM 1, NIC 0 on br0.*unreadable/);
    expect(hookErrors()).toEqual([expect.objectContaining({ level: 50, bridge })]);

    hypervisor.configure(SERVICES);
    await hypervisor.must('apply');
    expect(await ask(guest, 5030)).toBe('first');
    expect(await metric()).toBe('tproxy_failed_nics 0');

    hypervisor.configure(BROKEN);
    const other = await addGuest(box, bridge, { ip: '192.168.150.12' });
    expect(await hypervisor.deploy(other)).toMatch(/^ERROR: pre: .*keeps what it has: port 5030$/m);
    expect(await ask(other, 5030)).toBe('first');
    await removeGuest(box, guest);
    expect(await hypervisor.undeploy(guest)).toMatch(/^ERROR: clean: /m);
    expect(await ask(other, 5030)).toBe('first');
    await removeGuest(box, other);
    await hypervisor.undeploy(other);
    expect(await hypervisor.leftovers()).toEqual([]);
  });

  test('keeps them from starting where services are required', async () => {
    site.hypervisor.configure(`:tproxy_required: true\n${BROKEN}`);
    expect(await pre()).toMatchObject({ status: 2, stderr: expect.stringMatching(/^ERROR: pre: /m) });
    expect((await site.hypervisor.leftovers()).filter((left) => !left.startsWith('file '))).toEqual([]);
  });
});

describe('a program that fails', () => {
  beforeEach(async () => {
    // The first in the path of whoever comes as root.
    await site.box.sh(`mkdir -p /run/test/broken && printf '#!/bin/sh\\necho no >&2; exit 1\\n' >/run/test/broken/nft
      chmod 755 /run/test/broken/nft`);
  });
  const env = { PATH: `/run/test/broken:${process.env.PATH}:/usr/sbin:/sbin` };

  test('does not keep a VM from starting, and apply makes it good', async () => {
    const { hypervisor, guest } = site;
    expect(await pre(env)).toMatchObject({ status: 0, stderr: expect.stringMatching(/^ERROR: pre: .*nft/m) });
    expect(await metric()).toBe('tproxy_failed_nics 1');
    await hypervisor.must('apply');
    expect(await ask(guest, 5030)).toBe('first');
    expect(await metric()).toBe('tproxy_failed_nics 0');
  });

  test('does so where services are required, and then leaves nothing', async () => {
    const { hypervisor } = site;
    hypervisor.configure(`:tproxy_required: true\n${SERVICES}`);
    expect(await pre(env)).toMatchObject({ status: 1 });
    expect((await hypervisor.leftovers()).filter((left) => !left.includes('troubles'))).toEqual([]);
  });

  test('by hand the exit code says so in any case', async () => {
    const { status } = await site.box.run(['/var/tmp/one/vnm/tproxy', 'up', '--bridge', 'br0'], { env });
    expect(status).toBe(1);
  });
});

describe('a hypervisor without Node.js', () => {
  const env = { PATH: '/run/test/tools' };
  beforeEach(async () => {
    await site.box.sh(`mkdir -p /run/test/tools
      for tool in sh id grep date sudo dirname; do ln -s "$(command -v $tool)" /run/test/tools/$tool; done`);
  });

  test('has nothing to say where no service is configured', async () => {
    site.hypervisor.configure('# :service_port: 5030\n:tproxy_debug_level: 2\n');
    expect(await pre(env)).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('says what is missing where there is one', async () => {
    expect(await pre(env)).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^ERROR: pre: there is no node in PATH .* install Node\.js 20/),
    });
    expect(hookErrors()).toHaveLength(1);
    site.hypervisor.configure(`:tproxy_required: true\n${SERVICES}`);
    expect(await pre(env)).toMatchObject({ status: 1 });
  });
});
