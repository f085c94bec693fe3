import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { mapByHand } from '../support/hypervisor.ts';
import { stalledMs } from '../support/patience.ts';
import type { Program } from '../support/program.ts';
import { program, type Site } from '../support/site.ts';
import { UPSTREAM_ADDRESS } from '../torture/scene.ts';
import { createStage, FIRST, faultsOf, SERVICE, startTraffic, until, upstream } from '../torture/stage.ts';

/** Where an upstream of its own kind is. */
const ODD = 5040;
const FILTERED = 5041;
const NOBODY = 5042;
const ODD_UPSTREAM = 9000;

let site: Site;
let server: Program | undefined;

beforeAll(async () => {
  site = await createStage({
    settings: ':tproxy_connect_timeout: 1\n:tproxy_linger_timeout: 2\n:tproxy_idle_timeout: 0',
    services: {
      [SERVICE]: upstream(FIRST),
      [ODD]: upstream(ODD_UPSTREAM),
      [FILTERED]: upstream(ODD_UPSTREAM + 1),
      [NOBODY]: upstream(ODD_UPSTREAM + 2),
    },
  });
  await site.host.sh(`nft -f -`, {
    input: `table ip t { chain c { type filter hook input priority 0; tcp dport ${ODD_UPSTREAM + 1} drop; }; }`,
  });
});

afterAll(async () => {
  await site.box.close();
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** A server in which every connection does this; `socket` is its name there. */
async function oddUpstream(does: string): Promise<void> {
  server = site.host.spawn([
    'node',
    '-e',
    `require('net').createServer({ allowHalfOpen: true }, (socket) => { socket.on('error', () => {}); ${does} })
      .listen(${ODD_UPSTREAM}, '${UPSTREAM_ADDRESS}', () => console.log('listening'));`,
  ]);
  await server.waitFor(/listening/);
}

/** Runs a guest's client at the odd service; what it prints. */
function client(does: string): ReturnType<Site['guest']['spawn']> {
  return site.guest.spawn([
    'node',
    '-e',
    `const begin = Date.now(); let bytes = 0;
    const socket = require('net').connect({ host: '169.254.16.9', port: ${ODD}, allowHalfOpen: true });
    const say = (what) => console.log(what, bytes, Date.now() - begin);
    socket.on('data', (chunk) => { bytes += chunk.length; });
    socket.on('end', () => say('END')); socket.on('error', (error) => say(error.code));
    ${does}`,
  ]);
}

/** How the last connection to a service ended, once it is told. */
async function lastOutcome(port: number, count: number): Promise<unknown> {
  const ended = () => site.hypervisor.connections('br0').filter(({ service_port }) => service_port === port);
  await until('told', () => ended().length >= count);
  return ended().at(-1);
}

let told = 0;

test('upstream that accepts and never answers: its connections stay, others do not notice', async () => {
  await oddUpstream('socket.resume(); socket.on("end", () => socket.end())');
  const one = client(`socket.write('hello'); setTimeout(() => socket.end(), 6000);
    for (let i = 1; i < 100; i++) require('net').connect(${ODD}, '169.254.16.9').on('close', () => say('CLOSED'))`);
  const traffic = startTraffic(site);
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
  expect((await one.waitFor(/\w+ \d+ \d+/))[0]).toMatch(/^END 0 [6-9]\d{3}$/);
  expect(await lastOutcome(ODD, 1)).toMatchObject({ outcome: 'closed', bytes_to_upstream: 5 });
  await one.stop();
  told += 100;
  await lastOutcome(ODD, told);
});

test('upstream that resets in the middle: the guest gets what was said before, and the reset', async () => {
  await oddUpstream('socket.write(Buffer.alloc(100000)); setTimeout(() => socket.resetAndDestroy(), 500)');
  const traffic = startTraffic(site);
  const one = client('');
  expect((await one.waitFor(/\w+ \d+ \d+/))[0]).toMatch(/^ECONNRESET 100000 /);
  told += 1;
  expect(await lastOutcome(ODD, told)).toMatchObject({ outcome: 'upstream-reset', bytes_to_guest: 100_000 });
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
});

test('upstream that sends one byte a second: neither half-closed nor slow is silent', async () => {
  await oddUpstream(`
    let left = 6;
    const timer = setInterval(() => { socket.write('.'); if (--left === 0) { clearInterval(timer); socket.end(); } }, 1000);`);
  const traffic = startTraffic(site);
  const half = client('socket.end("all that I have to say")');
  const whole = client('socket.on("end", () => socket.end())');
  for (const one of [half, whole]) expect((await one.waitFor(/\w+ \d+ \d+/))[0]).toMatch(/^END 6 /);
  told += 2;
  expect(await lastOutcome(ODD, told)).toMatchObject({ outcome: 'closed', bytes_to_guest: 6 });
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
});

test('linger timeout: a half-closed connection on which nothing happens is ended, and told as such', async () => {
  await oddUpstream('');
  const one = client('socket.end("hello")');
  const [, outcome, ms] = await one.waitFor(/(\w+) \d+ (\d+)/);
  expect(outcome).toBe('ECONNRESET');
  expect(Number(ms)).toBeGreaterThan(1900);
  told += 1;
  expect(await lastOutcome(ODD, told)).toMatchObject({ outcome: 'linger-timeout', bytes_to_upstream: 5 });
});

test('connect timeout: an upstream that does not even answer SYN', async () => {
  const stalled = stalledMs();
  const { stdout } = await site.guest.run(program('client', '169.254.16.9', FILTERED, 'knock'));
  const [, outcome, ms] = /(\w+) (\d+)/.exec(stdout) ?? [];
  expect(outcome).toBe('ECONNRESET');
  expect(Number(ms)).toBeGreaterThan(900);
  expect(Number(ms) - (stalledMs() - stalled)).toBeLessThan(3000);
  expect(await lastOutcome(FILTERED, 1)).toMatchObject({ outcome: 'connect-timeout' });
});

test('idle timeout: off, and on from a reload on; a connection on which something happens is left alone', async () => {
  await oddUpstream('socket.pipe(socket)');
  site.hypervisor.configure(':tproxy_debug_level: 2\n:tproxy_idle_timeout: 3\n:tproxy: []\n');
  await site.hypervisor.must('reload');
  const idle = client('socket.write("hello")');
  const busy = client('setInterval(() => socket.write("."), 200)');
  const [, outcome, ms] = await idle.waitFor(/(\w+) \d+ (\d+)/);
  expect(outcome).toBe('ECONNRESET');
  expect(Number(ms)).toBeGreaterThan(2900);
  expect(busy.output).toBe('');
  told += 1;
  expect(await lastOutcome(ODD, told)).toMatchObject({ outcome: 'idle-timeout', bytes_to_guest: 5 });
  await busy.stop();
  told += 1;
  await lastOutcome(ODD, told);
});

test('upstream refused: the guest hears at once', async () => {
  await mapByHand(site.box, site.bridge, {
    [SERVICE]: upstream(FIRST),
    [NOBODY]: upstream(ODD_UPSTREAM + 2),
  });
  await site.hypervisor.must('reload');
  const { stdout } = await site.guest.run(program('client', '169.254.16.9', NOBODY, 'knock'));
  expect(stdout).toMatch(/^ECONNRESET \d{1,3}$/m);
  expect(await lastOutcome(NOBODY, 1)).toMatchObject({ outcome: 'upstream-refused' });
});
