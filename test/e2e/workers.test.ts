import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatusReport } from '../../src/cli/status/report.ts';
import { addBridge, addGuest, type Guest } from '../support/network.ts';
import {
  ask,
  configFor,
  createSite,
  program,
  type Site,
  startGreeter,
  startServer,
  UPSTREAM_ADDRESS,
} from '../support/site.ts';
import { titlesOf } from '../torture/weights.ts';

const PORT = 9000;
/** Says a word and ends the connection. */
const GREETER = 5030;
/** Says a word and keeps it. */
const KEEPER = 5031;
const MIB = 1024 ** 2;
const BRIDGES = ['br0', 'br1', 'br2'];
/** CPU time that says that a thread has carried a transfer, in ticks of 10 ms. */
const BUSY_TICKS = 4;

const config = (workers: number) =>
  `:tproxy_workers: ${workers}
${configFor(Object.fromEntries([PORT, GREETER, KEEPER].map((port) => [port, `${UPSTREAM_ADDRESS}:${port}`])))}`;

let site: Site;
let guests: Guest[];

beforeAll(async () => {
  site = await createSite();
  site.hypervisor.configure(config(2));
  const others = BRIDGES.slice(1).map(async (bridge, i) => {
    await addBridge(site.box, bridge);
    return addGuest(site.box, bridge, { ip: `192.168.15${i + 1}.11` });
  });
  guests = [site.guest, ...(await Promise.all(others))];
  await startServer(site.host, PORT);
  await startGreeter(site.host, GREETER, 'hello');
  await site.host.spawn(program('welcome', site.host.ip, KEEPER)).waitFor(/^listening$/m);
  for (const guest of guests) await site.hypervisor.deploy(guest);
});

afterAll(async () => {
  await site.box.close();
});

function client(mode: string, bytes: number): string[] {
  return program('client', '169.254.16.9', PORT, mode, bytes);
}

/** CPU time of the threads of the forwarder besides its main one, in ticks. */
function threadTimes(pid: number): Map<string, number> {
  const tasks = site.box.path(`/proc/${pid}/task`);
  const others = readdirSync(tasks).filter((thread) => thread !== String(pid));
  return new Map(
    others.map((thread) => {
      const fields = readFileSync(`${tasks}/${thread}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return [thread, Number(fields[11]) + Number(fields[12])];
    }),
  );
}

/** Living connections per bridge. */
async function connections(): Promise<Record<string, number>> {
  const report = JSON.parse(await site.hypervisor.must('status', '--json')) as StatusReport;
  return Object.fromEntries(
    report.bridges.map(({ bridge, services }) => [
      bridge,
      services.reduce((sum, service) => sum + service.connections.now, 0),
    ]),
  );
}

describe('two data-plane threads', () => {
  test('carry the bridges between them', async () => {
    const { pid } = await site.hypervisor.forwarder();
    const before = threadTimes(pid);
    await Promise.all(guests.slice(0, 2).map((guest) => guest.run(client('upload', 512 * MIB))));
    const spent = [...threadTimes(pid)]
      .map(([thread, ticks]) => ticks - (before.get(thread) ?? 0))
      .sort((a, b) => b - a);
    expect(spent[1]).toBeGreaterThanOrEqual(BUSY_TICKS);
    expect(spent[2] ?? 0).toBeLessThan((spent[1] ?? 0) / 2);
  });

  test('are counted, listed and handed over as one; a listener that dies comes back on each', async () => {
    const { hypervisor } = site;
    const held = guests.map((guest) => guest.spawn(program('hold', '169.254.16.9', KEEPER, 3)));
    await Promise.all(held.map((program) => program.waitFor(/"served":3/)));
    await expect.poll(connections).toEqual({ br0: 3, br1: 3, br2: 3 });
    const listed = JSON.parse(await hypervisor.must('top', '--once', '--by', 'connection', '--json'));
    expect(listed.rows).toHaveLength(9);

    for (const bridge of BRIDGES) {
      const { pid } = await hypervisor.listener(bridge);
      await site.box.sh(`kill -KILL ${pid}`);
      await expect
        .poll(
          async () => (await hypervisor.daemons()).find(({ title }) => title === `one_tproxy_${bridge}`)?.pid,
        )
        .toSatisfy((next) => next !== undefined && next !== pid);
    }
    for (const guest of guests) expect(await ask(guest, GREETER)).toBe('hello');

    const before = await hypervisor.forwarder();
    await hypervisor.must('restart');
    expect(await hypervisor.forwarder()).not.toEqual(before);
    for (const guest of guests) expect(await ask(guest, GREETER)).toBe('hello');
    expect(titlesOf(site.box).map(({ title }) => title)).toContain('tproxy_old');
    expect(await hypervisor.must('status', '-v')).toMatch(
      /^tproxy_old: \d+ {2}draining: finishes 9 connections, takes no new ones$/m,
    );
    // All three have ended their connections: none of the old threads waits for another.
    for (const program of held) await program.stop();
    await expect.poll(() => titlesOf(site.box).map(({ title }) => title)).not.toContain('tproxy_old');
  });

  test('stay two until a restart, and a reload says so', async () => {
    const { hypervisor } = site;
    hypervisor.configure(config(2));
    await hypervisor.must('restart');
    hypervisor.configure(config(3));
    const { status, stderr } = await hypervisor.tproxy('reload');
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringContaining('tproxy_workers is 3, but 2 threads are running; run `tproxy restart`'),
    });
    await hypervisor.must('restart');
    expect((await hypervisor.tproxy('reload')).stderr).toBe('');
    expect(
      hypervisor
        .log('one_tproxy')
        .filter(({ msg }) => msg === 'forwarder starts')
        .at(-1),
    ).toMatchObject({ workers: 3 });
  });
});
