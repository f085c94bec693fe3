import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Daemon, mapByHand } from '../support/hypervisor.ts';
import type { Program } from '../support/program.ts';
import {
  ask,
  createSite,
  program,
  type Site,
  startGreeter,
  startServer,
  UPSTREAM_ADDRESS,
} from '../support/site.ts';
import { promptly } from '../torture/stage.ts';

/** In milliseconds: how long a crashed process may be away. */
const BACK_WITHIN = 2_000;
let site: Site;
let server: Program;

beforeEach(async () => {
  site = await createSite({
    services: { 5030: `${UPSTREAM_ADDRESS}:1111`, 9000: `${UPSTREAM_ADDRESS}:9000` },
  });
  await startGreeter(site.host, 1111, 'served');
  server = await startServer(site.host, 9000);
  await site.hypervisor.deploy(site.guest);
});

afterEach(async () => {
  await site.box.close();
});

/** Dials without a pause until `stop` resolves, and tells every kind of answer it got. */
async function askUntil(stop: Promise<unknown>): Promise<string[]> {
  const answers = new Set<string>();
  let stopped = false;
  void stop.finally(() => {
    stopped = true;
  });
  while (!stopped) answers.add(await ask(site.guest, 5030));
  return [...answers];
}

const isHeirOf = (dead: Daemon) => (daemon: Daemon) => daemon.title === dead.title && daemon.pid !== dead.pid;

async function transfer(): Promise<Program> {
  const reader = site.guest.spawn(program('client', '169.254.16.9', 9000, 'slow', 400_000_000));
  await reader.waitFor(/^pause$/m);
  return reader;
}

async function isComplete(reader: Program): Promise<void> {
  expect(await reader.end()).toBe(0);
  await server.waitFor(new RegExp(`^source ${reader.lines.at(-1)}$`, 'm'));
}

test('a transfer and new guests do not notice a restart', async () => {
  const { hypervisor } = site;
  const reader = await transfer();
  const before = await hypervisor.forwarder();
  expect(await askUntil(hypervisor.must('restart'))).toEqual(['served']);
  expect((await hypervisor.forwarder()).pid).not.toBe(before.pid);
  await isComplete(reader);
});

test('a transfer does not notice the reload of another service', async () => {
  const { box, bridge, hypervisor } = site;
  const reader = await transfer();
  await mapByHand(box, bridge, { 9000: `${UPSTREAM_ADDRESS} . 9000`, 5031: `${UPSTREAM_ADDRESS} . 1111` });
  await hypervisor.must('reload');
  await isComplete(reader);
});

test('a transfer finishes when its own service has gone', async () => {
  const { box, bridge, hypervisor, guest } = site;
  const reader = await transfer();
  await mapByHand(box, bridge, { 5030: `${UPSTREAM_ADDRESS} . 1111` });
  await hypervisor.must('reload');
  expect(await ask(guest, 9000)).toBe('ECONNREFUSED');
  await isComplete(reader);
});

test('guests wait for a forwarder that was killed, and it comes back', async () => {
  const { box, hypervisor } = site;
  const before = await hypervisor.forwarder();
  await box.sh(`kill -KILL ${before.pid}`);
  const isBack = async () => (await hypervisor.daemons()).some(isHeirOf(before));
  expect(await askUntil(promptly('back', BACK_WITHIN, isBack))).toEqual(['served']);
});

test('a listener that was killed comes back', async () => {
  const { box, bridge, hypervisor, guest } = site;
  const before = await hypervisor.listener(bridge);
  await box.sh(`kill -KILL ${before.pid}`);
  await promptly('back', BACK_WITHIN, async () => (await hypervisor.daemons()).some(isHeirOf(before)));
  expect(await ask(guest, 5030)).toBe('served');
});
