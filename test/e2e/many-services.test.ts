import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, configFor, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

const COUNT = 2000;
const FIRST = 10_000;
const LAST = FIRST + COUNT - 1;
const UPSTREAM_PORT = 1111;
/** Of one command on a machine that is busy. Quiet, the slowest takes 10 s. */
const LIMIT_MS = 100_000;

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

test('each command does with 2 000 services what it does with two', { timeout: 4 * LIMIT_MS }, async () => {
  const { box, bridge, guest, hypervisor } = site;
  const tproxy = async (...args: string[]) => {
    const began = performance.now();
    const done = await box.run(['/var/tmp/one/vnm/tproxy', ...args], { timeoutMs: LIMIT_MS });
    console.error(args.join(' '), Math.round(performance.now() - began), done.status, done.stdout.slice(0, 300), done.stdout.length, done.stderr.slice(0, 2000));
    return done;
  };
  expect(await tproxy('check')).toMatchObject({ status: 0, stderr: '' });
  const up = await tproxy('up', '--bridge', bridge, '--network', 'private');
  expect(up.status).toBe(0);
  const forwarder = await hypervisor.forwarder();
  expect([await ask(guest, FIRST), await ask(guest, LAST)]).toEqual(['hello', 'hello']);

  await tproxy('up', '--bridge', bridge, '--network', 'private');
  await tproxy('plan');
  await tproxy('apply');
  await tproxy('reload');
  await tproxy('start');
  // None of them took the forwarder for dead.
  expect(await hypervisor.forwarder()).toEqual(forwarder);
  await tproxy('status', '-v');
  await tproxy('status', '--json');
  await tproxy('metrics');
  await tproxy('doctor');
  await tproxy('doctor', '--json');
  hypervisor.configure(configFor(services(COUNT - 1)));
  await tproxy('apply');
  expect([await ask(guest, FIRST), await ask(guest, LAST)]).toEqual(['hello', 'ECONNREFUSED']);
  await tproxy('restart');
  expect([await ask(guest, FIRST)]).toEqual(['hello']);
  await tproxy('down', '--bridge', bridge, '--network', 'private');
  expect(await hypervisor.leftovers()).toEqual([]);
});
