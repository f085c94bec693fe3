import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatusReport } from '../../src/cli/status/report.ts';
import { statusSchema } from '../../src/cli/status/schema.ts';
import type { Program } from '../support/program.ts';
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

const GREETER = 80;
const SERVER = 9000;
const REFUSED = 81;
const GREETINGS = 12;
const UPLOADED = 1_000_000;
const HELD = 3;
const SERVICES = {
  [GREETER]: `${UPSTREAM_ADDRESS}:1111`,
  [REFUSED]: `${UPSTREAM_ADDRESS}:9`,
  [SERVER]: `${UPSTREAM_ADDRESS}:9000`,
};

let site: Site;
let held: Program;

beforeAll(async () => {
  site = await createSite({ services: SERVICES });
  await startGreeter(site.host, 1111, 'first');
  await startServer(site.host, 9000);
  await site.hypervisor.deploy(site.guest, { network: 'private', networkId: 7 });
  await traffic();
});

afterAll(async () => {
  await site.box.close();
});

/** Connections of every kind: finished, refused by the upstream, and some that stay. */
async function traffic(): Promise<void> {
  const { guest } = site;
  const greetings = await Promise.all(Array.from({ length: GREETINGS }, () => ask(guest, GREETER)));
  expect(new Set(greetings)).toEqual(new Set(['first']));
  expect([await ask(guest, REFUSED), await ask(guest, REFUSED)]).toEqual(['ECONNRESET', 'ECONNRESET']);
  const upload = await guest.run(program('client', '169.254.16.9', SERVER, 'upload', UPLOADED));
  expect(upload.status).toBe(0);
  held = guest.spawn(program('crowd', '169.254.16.9', SERVER, HELD));
  await held.waitFor(new RegExp(`^open ${HELD}$`, 'm'));
}

async function report(): Promise<StatusReport> {
  const { stdout, stderr } = await site.hypervisor.tproxy('status', '--json');
  expect(stderr).toBe('');
  const read = JSON.parse(stdout);
  return statusSchema.parse(read);
}

/** The services of br0 by port. */
async function services(): Promise<Map<number, StatusReport['bridges'][number]['services'][number]>> {
  const { bridges } = await report();
  return new Map(bridges[0]?.services.map((service) => [service.servicePort, service]));
}

function sumOf(port: number, field: string): number {
  return site.hypervisor
    .connections('br0')
    .filter(({ service_port }) => service_port === port)
    .reduce((sum, connection) => sum + Number(connection[field]), 0);
}

describe('status --json', () => {
  test('counts every connection and every byte', async () => {
    // The last connections are told to the forwarder a moment after their guests have seen the end of them.
    await expect.poll(async () => (await services()).get(SERVER)?.connections.total).toBe(1 + HELD);
    await expect.poll(async () => (await services()).get(GREETER)?.outcomes).toEqual({ closed: GREETINGS });
    const counted = await services();
    expect(counted.get(GREETER)).toMatchObject({
      upstream: `${UPSTREAM_ADDRESS}:1111`,
      state: 'listening',
      connections: { now: 0, total: GREETINGS },
      bytes: { toUpstream: 0, toGuest: GREETINGS * 'first\n'.length },
      errors: { total: 0, byCause: {} },
    });
    expect(counted.get(REFUSED)).toMatchObject({
      connections: { now: 0, total: 2 },
      errors: { total: 2, byCause: { 'upstream-refused': 2 } },
      outcomes: { 'upstream-refused': 2 },
    });
    const server = counted.get(SERVER);
    expect(server).toMatchObject({ connections: { now: HELD, total: 1 + HELD }, outcomes: { closed: 1 } });
    // What the living ones have sent and got back is in it: their words, each of them once in each direction.
    const living = (server?.bytes.toGuest ?? 0) - sumOf(SERVER, 'bytes_to_guest');
    expect(living).toBeGreaterThan(0);
    expect(server?.bytes.toUpstream).toBe('sink\n'.length + UPLOADED + HELD * 'echo\n'.length + living);
  });

  test('tells processes, networks and since when', async () => {
    const { hypervisor } = site;
    const read = await report();
    const [forwarder, listener] = [await hypervisor.forwarder(), await hypervisor.listener('br0')];
    expect(read).toMatchObject({
      running: true,
      problems: [],
      bridges: [{ bridge: 'br0', networks: [{ id: '7', name: 'private' }], listenerPid: listener.pid }],
    });
    const processes = read.processes.map(({ role, pid, bridge }) => ({ role, pid, bridge }));
    expect(processes).toContainEqual({ role: 'forwarder', pid: forwarder.pid, bridge: null });
    expect(processes).toContainEqual({ role: 'listener', pid: listener.pid, bridge: 'br0' });
    expect(Math.abs(Date.parse(read.since ?? '') - Date.now())).toBeLessThan(3_600_000);
  });
});

test('status -v has the processes, and a line per service', async () => {
  const { hypervisor } = site;
  const lines = (await hypervisor.must('status', '-v')).split('\n');
  expect(lines).toContainEqual(expect.stringMatching(/^one_tproxy: \d+ {2}forwarder, 3 connections$/));
  expect(lines).toContainEqual(expect.stringMatching(/^one_tproxy_br0: \d+ {2}listener of br0/));
  expect(lines).toContainEqual(
    expect.stringMatching(/^BRIDGE +NETWORKS +SERVICE +UPSTREAM +STATE +NOW +TOTAL +UP +DOWN +ERRORS$/),
  );
  expect(lines).toContainEqual(
    expect.stringMatching(
      /^br0 +private +81 +10\.11\.12\.13:9 +listening +0 +2 +0 B +0 B +2 upstream-refused$/,
    ),
  );
  expect(lines).toContainEqual(
    expect.stringMatching(/^br0 +private +9000 +10\.11\.12\.13:9000 +listening +3 +4 +977 KiB +\S+ B +0$/),
  );
  expect(lines.join('')).not.toContain('\x1b');
});

// From here on the host is changed: the order matters, and every test can be run again.

test('a listener that died is told, and nothing is forgotten', async () => {
  const { box, hypervisor, guest } = site;
  const before = await services();
  const recoveries = (await report()).bridges[0]?.recoveries ?? 0;
  await box.sh(`kill -KILL ${(await hypervisor.listener('br0')).pid}`);
  await expect.poll(async () => (await report()).bridges[0]?.recoveries).toBe(recoveries + 1);
  expect(await ask(guest, GREETER)).toBe('first');
  const total = (before.get(GREETER)?.connections.total ?? 0) + 1;
  await expect.poll(async () => (await services()).get(GREETER)?.connections.total).toBe(total);
  expect((await services()).get(SERVER)).toEqual(before.get(SERVER));
});

test('what nft says and the forwarder has not read is told, and nothing is forgotten by a reload', async () => {
  const { box, hypervisor } = site;
  const before = await services();
  try {
    await box.sh(`nft delete element ip one_tproxy ep_br0 { ${SERVER} }`);
    expect((await services()).get(SERVER)?.state).toBe('reload-needed');
    await hypervisor.must('reload');
    expect((await services()).get(SERVER)).toMatchObject({ state: 'draining', connections: { now: HELD } });
    await box.sh(`nft add element ip one_tproxy ep_br0 { ${SERVER} : ${UPSTREAM_ADDRESS} . 9000 }`);
    expect((await services()).get(SERVER)?.state).toBe('reload-needed');
  } finally {
    hypervisor.configure(configFor(SERVICES));
    await hypervisor.must('apply');
  }
  expect(await services()).toEqual(before);
});

test('a restart begins to count anew, while the old forwarder finishes its connections', async () => {
  const { hypervisor, guest } = site;
  const long = guest.spawn(program('crowd', '169.254.16.9', SERVER, 1));
  await long.waitFor(/^open 1$/m);
  await hypervisor.must('restart');
  const roles = async () => (await report()).processes.map(({ role }) => role);
  expect(await roles()).toContain('draining');
  const fresh = await services();
  expect([...fresh.values()].map(({ connections }) => connections)).toEqual(
    [...fresh.keys()].map(() => ({ now: 0, total: 0 })),
  );
  expect(await ask(guest, GREETER)).toBe('first');
  await expect.poll(async () => (await services()).get(GREETER)?.connections.total).toBe(1);
  await long.stop();
  await held.stop();
  await expect.poll(roles).not.toContain('draining');
});

test('without a forwarder nothing is listening, and the exit code says so', async () => {
  const { hypervisor } = site;
  await hypervisor.must('stop');
  const { status, stdout } = await hypervisor.tproxy('status', '--json');
  expect(status).toBe(3);
  const read = statusSchema.parse(JSON.parse(stdout));
  expect(read).toMatchObject({ running: false, since: null, processes: [] });
  expect(read.bridges[0]?.services.map(({ state }) => state)).toEqual(
    Object.keys(SERVICES).map(() => 'no-forwarder'),
  );
  const table = await hypervisor.tproxy('status', '-v');
  expect(table).toMatchObject({ status: 3, stdout: expect.stringContaining('no forwarder') });
  expect((await hypervisor.tproxy('status')).stdout).toBe('');
});
