import { afterAll, beforeAll, expect, test } from 'vitest';
import { statusSchema } from '../../src/cli/status/schema.ts';
import { removeGuest } from '../support/network.ts';
import type { Finished } from '../support/program.ts';
import { ask, configFor, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

const COUNT = 2000;
const FIRST = 10_000;
const LAST = FIRST + COUNT - 1;
const UPSTREAM_PORT = 1111;
/** Of one command on a machine that is busy. */
const COMMAND_MS = 60_000;
const TEST_MS = 400_000;

/** All lead to one upstream. */
function services(count: number): Readonly<Record<number, string>> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [FIRST + i, `${UPSTREAM_ADDRESS}:${UPSTREAM_PORT}`]),
  );
}

let site: Site;

beforeAll(async () => {
  site = await createSite({ services: services(COUNT) });
  await startGreeter(site.host, UPSTREAM_PORT, 'hello');
});

afterAll(async () => {
  await site.box.close();
});

function tproxy(...args: readonly string[]): Promise<Finished> {
  return site.box.run(['/var/tmp/one/vnm/tproxy', ...args], { timeoutMs: COMMAND_MS });
}

/** Standard output of a command that ends with 0 and has no complaint. */
async function quietly(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await tproxy(...args);
  expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
  return stdout;
}

test('2 000 services: every command works, and no forwarder is taken for dead', {
  timeout: TEST_MS,
}, async () => {
  const { bridge, guest, hypervisor } = site;
  const byHand = ['--bridge', bridge, '--network', 'private'];
  expect(await quietly('check')).toMatch(/: ok, 2000 services\n$/);
  expect(await tproxy('up', ...byHand)).toMatchObject({ status: 0 });
  const forwarder = await hypervisor.forwarder();
  const listener = await hypervisor.listener(bridge);
  expect([await ask(guest, FIRST), await ask(guest, LAST)]).toEqual(['hello', 'hello']);

  const again = await tproxy('up', ...byHand);
  expect(again).toMatchObject({ status: 0, stderr: expect.stringMatching(/, as before\n$/) });
  for (const verb of ['plan', 'apply']) expect(await quietly(verb)).toBe('nothing to do\n');
  for (const verb of ['reload', 'start']) expect(await quietly(verb)).toBe('');
  expect(await hypervisor.forwarder()).toEqual(forwarder);
  expect(await hypervisor.listener(bridge)).toEqual(listener);

  const verbose = await quietly('status', '-v');
  expect(
    verbose.split('\n').filter((line) => line.includes(`${UPSTREAM_ADDRESS}:${UPSTREAM_PORT}`)),
  ).toHaveLength(COUNT);
  const report = statusSchema.parse(JSON.parse(await quietly('status', '--json')));
  expect(report.bridges.flatMap((one) => one.services)).toHaveLength(COUNT);
  const doctor = await tproxy('doctor', '--json');
  const checks: { id: string; verdict: string }[] = JSON.parse(doctor.stdout).checks;
  const connections = checks.filter(({ id }) => id === 'connection');
  expect(connections).toHaveLength(COUNT);
  expect(connections.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
});

test('one service of 2 000 is taken away, and all of them', { timeout: TEST_MS }, async () => {
  const { bridge, guest, hypervisor } = site;
  const forwarder = await hypervisor.forwarder();
  hypervisor.configure(configFor(services(COUNT - 1)));
  expect(await tproxy('apply')).toMatchObject({ status: 0, stderr: '' });
  expect([await ask(guest, FIRST), await ask(guest, LAST)]).toEqual(['hello', 'ECONNREFUSED']);
  expect(await hypervisor.forwarder()).toEqual(forwarder);
  await quietly('restart');
  expect([await ask(guest, FIRST), await ask(guest, LAST)]).toEqual(['hello', 'ECONNREFUSED']);
  await removeGuest(site.box, guest);
  expect(await tproxy('down', '--bridge', bridge, '--network', 'private')).toMatchObject({ status: 0 });
  expect(await hypervisor.leftovers()).toEqual([]);
});
