import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stalledMs } from '../support/patience.ts';
import type { Site } from '../support/site.ts';
import { createStage, faultsOf, pidOf, promptly, startTraffic, until } from '../torture/stage.ts';
import { titlesOf } from '../torture/weights.ts';

const CLOCK = '/run/test/clock';
const HOUR_MS = 3_600_000;
const DECADE_MS = 10 * 365 * 24 * HOUR_MS;

let site: Site;

/**
 * The wall clock of a process, as JavaScript sees it, moved by as many milliseconds as the file says. The kernel's
 * monotonic clock, which nobody can set, is left alone. The machine's own clock belongs to others, and its time namespaces
 * know no wall clock.
 */
const SHIM = `
{
  const { readFileSync: readClock } = require('node:fs');
  const RealDate = Date;
  const offset = () => { try { return Number(readClock('${CLOCK}', 'utf8')); } catch { return 0; } };
  globalThis.Date = class extends RealDate {
    constructor(...args) { super(...(args.length === 0 ? [RealDate.now() + offset()] : args)); }
    static now() { return RealDate.now() + offset(); }
  };
}
`;

function jump(ms: number): void {
  writeFileSync(site.box.path(CLOCK), String(ms));
}

beforeAll(async () => {
  site = await createStage({
    settings: ':tproxy_idle_timeout: 60\n:tproxy_linger_timeout: 30\n:tproxy_drain_timeout: 60',
  });
  await site.hypervisor.must('stop');
  jump(0);
  for (const bundle of ['forwarder', 'listener', 'dataplane', 'entry']) {
    const file = site.box.path(`/var/tmp/one/vnm/tproxy.d/${bundle}.cjs`);
    writeFileSync(file, SHIM + readFileSync(file, 'utf8'));
  }
  await site.hypervisor.must('start');
});

afterAll(async () => {
  await site.box.close();
});

function times(): number[] {
  return site.hypervisor.log('one_tproxy').map(({ time }) => Number(time));
}

test('clock jumps, years ahead and back: no relay ends, no process is taken for hung, nothing is late', async () => {
  const before = titlesOf(site.box);
  const stalled = stalledMs();
  const traffic = startTraffic(site, { seconds: 3 });
  for (const ms of [HOUR_MS, -HOUR_MS, DECADE_MS, 0, -DECADE_MS, 1000, 0]) {
    jump(ms);
    await sleep(800);
    await site.hypervisor.must('reload');
  }
  expect(titlesOf(site.box)).toEqual(before);
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
  const slowest = Math.max(...traffic.told.map(({ start, reached }) => reached - start));
  expect(slowest - (stalledMs() - stalled)).toBeLessThan(2000);
});

test.each([
  { where: 'ahead', ms: DECADE_MS },
  { where: 'back', ms: -DECADE_MS },
])('after a jump $where: restart drains, what is killed comes back in time', async ({ ms }) => {
  jump(0);
  const traffic = startTraffic(site, { kinds: { session: 2, download: 2, short: 1 }, seconds: 2 });
  await until('under way', () => traffic.told.length > 5);
  jump(ms);
  const began = times().length;
  await site.hypervisor.must('restart');
  const killed = pidOf(site, 'one_tproxy_br0');
  process.kill(killed, 'SIGKILL');
  const isBack = () =>
    titlesOf(site.box).some(({ title, pid }) => title === 'one_tproxy_br0' && pid !== killed);
  await promptly('back', 2000, isBack);
  await site.hypervisor.must('reload');
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
  // The shim is at work: the daemons believe to be in another decade.
  const later = times().slice(began);
  expect(later.length).toBeGreaterThan(0);
  for (const time of later) expect(Math.abs(time - Date.now() - ms)).toBeLessThan(HOUR_MS);
});
