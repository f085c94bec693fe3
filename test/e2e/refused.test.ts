import { afterAll, beforeAll, expect, test } from 'vitest';
import { stalledMs } from '../support/patience.ts';
import { ask, createSite, program, type Site, startGreeter, UPSTREAM_ADDRESS } from '../support/site.ts';

/** In milliseconds: what a guest may wait to hear that nobody is there. */
const AT_ONCE = 1_000;
const CLOSED = 5030;
const UNREACHABLE = 5031;
let site: Site;

beforeAll(async () => {
  site = await createSite({
    services: {
      [CLOSED]: `${UPSTREAM_ADDRESS}:9000`,
      // The root namespace of the sandbox has no route to it.
      [UNREACHABLE]: '10.99.99.99:9000',
    },
  });
  await site.hypervisor.deploy(site.guest);
});

afterAll(async () => {
  await site.box.close();
});

test.each([
  { name: 'a closed port', port: CLOSED },
  { name: 'an unreachable address', port: UNREACHABLE },
])('a guest is reset at once when the upstream is $name', async ({ port }) => {
  for (let round = 0; round < 5; round += 1) {
    const stalled = stalledMs();
    const { stdout } = await site.guest.run(program('client', '169.254.16.9', port, 'knock'));
    const [code, milliseconds] = stdout.trim().split(' ');
    expect(code).toBe('ECONNRESET');
    expect(Number(milliseconds) - (stalledMs() - stalled)).toBeLessThan(AT_ONCE);
  }
});

test('curl has no doubt either', async () => {
  const { status } = await site.guest.run(['curl', '-sS', '-m', '10', `http://169.254.16.9:${CLOSED}/`]);
  // 7: no connection, 56: reset while waiting for the answer; which of them is a matter of microseconds. It would be 52
  // after a silent close and 28 after a time-out.
  expect([7, 56]).toContain(status);
});

test('the log tells the outcome', async () => {
  const outcomes = () =>
    site.hypervisor.connections('br0').map(({ service_port, outcome }) => `${service_port} ${outcome}`);
  await expect
    .poll(outcomes)
    .toEqual(expect.arrayContaining([`${CLOSED} upstream-refused`, `${UNREACHABLE} upstream-unreachable`]));
});

test('an upstream that comes up is reached by the next connection', async () => {
  const { guest, host } = site;
  expect(await ask(guest, CLOSED)).toBe('ECONNRESET');
  await startGreeter(host, 9000, 'here now');
  expect(await ask(guest, CLOSED)).toBe('here now');
});
