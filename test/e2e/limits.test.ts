import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { addGuest, type Guest } from '../support/network.ts';
import type { Program } from '../support/program.ts';
import { ask, createSite, program, type Site, UPSTREAM_ADDRESS } from '../support/site.ts';

const PLAIN = 5030;
const STRICT = 1234;

let site: Site;
let other: Guest;

/** The configuration with these limits for all services, and those of one service. */
function configuration(limits: string, strict = ''): string {
  const service = (port: number): string =>
    `- :service_port: ${port}\n  :remote_addr: ${UPSTREAM_ADDRESS}\n  :remote_port: 9000\n`;
  return `:tproxy_limits: {${limits}}\n:tproxy:\n${service(PLAIN)}${service(STRICT)}${strict}`;
}

/** Brings limits into force. */
async function limit(limits: string, strict?: string): Promise<void> {
  site.hypervisor.configure(configuration(limits, strict));
  await site.hypervisor.must('apply');
  await site.hypervisor.must('reload');
}

beforeAll(async () => {
  site = await createSite();
  const { box, bridge, guest, host, hypervisor } = site;
  other = await addGuest(box, bridge, { ip: '192.168.150.12' });
  const server = host.spawn(program('welcome', host.ip, 9000));
  await server.waitFor(/^listening$/m);
  hypervisor.configure(configuration(''));
  await hypervisor.deploy(guest);
  await hypervisor.deploy(other);
});

afterAll(async () => {
  await site.box.close();
});

// A bridge that is at rest: rates have recovered, and nobody is shared with.
beforeEach(async () => {
  await limit('');
  await sleep(1100);
});

interface Fates {
  readonly served: number;
  readonly reset: number;
  readonly waiting: number;
}

interface Crowd {
  readonly program: Program;
  fates(): Fates;
}

/** Connections of a guest, all at once. Resolves when none of them is undecided that need not be. */
async function crowd(guest: Guest, count: number, decided = count, port = PLAIN): Promise<Crowd> {
  const hold = guest.spawn(program('hold', '169.254.16.9', port, count));
  const fates = (): Fates => JSON.parse(hold.lines.at(-1) ?? `{"served":0,"reset":0,"waiting":${count}}`);
  await expect.poll(() => fates().served + fates().reset).toBe(decided);
  return { program: hold, fates };
}

async function leave(...crowds: readonly Crowd[]): Promise<void> {
  for (const each of crowds) each.program.stdin.end();
  await Promise.all(crowds.map((each) => each.program.exited));
}

/** Lines of the log about refused connections, for one cause. */
function refusals(cause: string): Record<string, unknown>[] {
  return site.hypervisor
    .log('one_tproxy')
    .filter((line) => line.msg === 'connections over the limit refused' && line.cause === cause);
}

test('a guest over its connections is reset, another one is served; one that ends makes room', async () => {
  await limit(':guest_connections: 20');
  const before = refusals('guest-limit').length;
  const greedy = await crowd(site.guest, 50);
  expect(greedy.fates()).toEqual({ served: 20, reset: 30, waiting: 0 });
  const modest = await crowd(other, 20);
  expect(modest.fates()).toEqual({ served: 20, reset: 0, waiting: 0 });
  expect(await ask(site.guest, PLAIN)).toBe('ECONNRESET');
  greedy.program.stdin.write('1\n');
  await expect
    .poll(async () => {
      const next = await crowd(site.guest, 1);
      const { served } = next.fates();
      await leave(next);
      return served;
    })
    .toBe(1);
  await leave(greedy, modest);
  await expect.poll(() => refusals('guest-limit').length).toBeGreaterThan(before);
  const [first] = refusals('guest-limit').slice(before);
  expect(first).toMatchObject({ bridge: 'br0', last_guest: site.guest.ip, service_port: PLAIN });
});

test('a guest over its rate is reset, another one is served; it is told of once a second at most', async () => {
  await limit(':guest_rate: 10');
  const before = refusals('guest-rate').length;
  const begin = performance.now();
  const crowds: Crowd[] = [];
  while (performance.now() - begin < 2500) crowds.push(await crowd(site.guest, 40));
  const modest = await crowd(other, 10);
  const seconds = (performance.now() - begin) / 1000;
  expect(modest.fates()).toEqual({ served: 10, reset: 0, waiting: 0 });
  const sum = (what: keyof Fates): number => crowds.reduce((all, each) => all + each.fates()[what], 0);
  expect(sum('served')).toBeGreaterThanOrEqual(10);
  expect(sum('served')).toBeLessThanOrEqual(10 + 10 * seconds);
  await leave(modest, ...crowds);
  const told = () => refusals('guest-rate').slice(before);
  await expect
    .poll(() => told().reduce((all, { connections }) => all + Number(connections), 0))
    .toBe(sum('reset'));
  expect(told().length).toBeLessThanOrEqual(2 + seconds);
});

test('a bridge over its connections lets its guests wait: all are served in the end, none is reset', async () => {
  await limit(':bridge_connections: 10');
  const crowds = [await crowd(site.guest, 12, 10), await crowd(other, 8, 0)];
  const [mine, theirs] = crowds as [Crowd, Crowd];
  await sleep(300);
  expect(mine.fates()).toEqual({ served: 10, reset: 0, waiting: 2 });
  expect(theirs.fates()).toEqual({ served: 0, reset: 0, waiting: 8 });
  mine.program.stdin.write('5\n');
  await expect.poll(() => mine.fates().served + theirs.fates().served).toBe(15);
  mine.program.stdin.write('7\n');
  await expect.poll(() => theirs.fates()).toEqual({ served: 8, reset: 0, waiting: 0 });
  expect(mine.fates()).toEqual({ served: 12, reset: 0, waiting: 0 });
  await leave(...crowds);
});

test('limits of a service count for it alone, and follow a change', async () => {
  await limit(':guest_connections: 20', '  :limits: {:guest_connections: 3}\n');
  expect(await site.box.sh('nft list map ip one_tproxy ep_br0')).toContain(
    `${STRICT} comment "guest-connections=3" :`,
  );
  const strict = await crowd(site.guest, 10, 10, STRICT);
  expect(strict.fates()).toEqual({ served: 3, reset: 7, waiting: 0 });
  const plain = await crowd(site.guest, 20);
  expect(plain.fates()).toEqual({ served: 20, reset: 0, waiting: 0 });
  await limit(':guest_connections: 20', '  :limits: {:guest_connections: 30}\n');
  const more = await crowd(site.guest, 10, 10, STRICT);
  expect(more.fates()).toEqual({ served: 10, reset: 0, waiting: 0 });
  await leave(strict, plain, more);
});
