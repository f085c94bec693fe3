import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ask,
  configFor,
  createSite,
  type Services,
  type Site,
  startGreeter,
  UPSTREAM_ADDRESS,
} from '../support/site.ts';

/** Standard streams that are not what a command would like. */
const TPROXY = '/var/tmp/one/vnm/tproxy';
const UPSTREAM = `${UPSTREAM_ADDRESS}:1111`;
const SERVICES: Services = { 80: UPSTREAM };

let site: Site;

beforeAll(async () => {
  site = await createSite({ services: SERVICES });
  await startGreeter(site.host, 1111, 'first');
  await site.hypervisor.deploy(site.guest);
});

afterAll(async () => {
  await site.box.close();
});

/** Runs a command with one of its outputs in a pipe that nobody reads; its exit status. */
async function unread(output: 'stdout' | 'stderr', command: string): Promise<number> {
  const number = { stdout: 1, stderr: 2 }[output];
  // The reader has gone before the command writes its first word.
  const status = await site.box.sh(
    `exec {pipe}> >(exec true); wait $!; ${command} ${number}>&$pipe || echo $?`,
  );
  return Number(status);
}

test('apply does all of it, whoever reads what it says', async () => {
  const { guest, hypervisor } = site;
  hypervisor.configure(configFor(SERVICES));
  await hypervisor.must('apply');
  expect(await ask(guest, 81)).toBe('ECONNREFUSED');
  hypervisor.configure(configFor({ ...SERVICES, 81: UPSTREAM }));
  expect(await unread('stdout', `${TPROXY} apply`)).toBe(0);
  expect(await ask(guest, 81)).toBe('first');
});

test('up and down do all of it, whoever reads what they say', async () => {
  const { box, hypervisor } = site;
  await box.sh('ip link show br1 || { ip link add br1 type bridge; ip link set br1 up; }');
  expect(await unread('stderr', `${TPROXY} up --bridge br1 --network lan`)).toBe(0);
  expect((await hypervisor.listener('br1')).pid).toBeGreaterThan(0);
  expect(await unread('stderr', `${TPROXY} down --bridge br1 --network lan`)).toBe(0);
  expect((await hypervisor.daemons()).map(({ title }) => title)).not.toContain('one_tproxy_br1');
});

test.each(['status', 'status --json', 'metrics', 'log --no-follow', 'log', 'top'])(
  '%s ends in peace when its reader has seen enough',
  async (command) => {
    expect(await unread('stdout', `timeout 20 ${TPROXY} ${command}`)).toBe(0);
  },
);

test('results that can not be written are an error, in one line', async () => {
  const { status, stderr } = await site.box.run(['bash', '--norc', '-c', `${TPROXY} status >/dev/full`]);
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/^ERROR: standard output can't be written: ENOSPC; .+\n$/),
  });
});

test('a template without an end is not read to it, and nobody types one', async () => {
  const { box } = site;
  const endless = await box.run(['bash', '--norc', '-c', `ulimit -v unlimited; ${TPROXY} up </dev/zero`]);
  expect(endless).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^ERROR: pre: template is larger than 16 MiB; /),
  });
  const typed = box.spawn(['script', '-qec', `${TPROXY} up; echo "exit $?"`, '/dev/null']);
  await typed.waitFor(/no template: standard input is empty; .*\s+exit 1/);
  await typed.exited;
});
