import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mapByHand } from '../support/hypervisor.ts';
import type { Site } from '../support/site.ts';
import {
  createStage,
  FIRST,
  faultsOf,
  pidOf,
  SERVICE,
  startTraffic,
  until,
  upstream,
} from '../torture/stage.ts';
import { monotonicMs } from '../torture/timeline.ts';

let site: Site;

beforeEach(async () => {
  site = await createStage();
});

afterEach(async () => {
  await site.box.close();
});

/** Leaves not one byte on the file system of a directory. */
async function fill(directory: string): Promise<void> {
  await site.box.sh(`
    used=$(df --output=used -k ${directory} | tail -n 1)
    mount -o remount,size=$((used + 64))k ${directory}
    cat /dev/zero > ${directory}/filler 2>/dev/null || true
    ! echo more > ${directory}/more 2>/dev/null || { echo 'not full'; exit 1; }
  `);
}

async function empty(directory: string): Promise<void> {
  await site.box.sh(`rm -f ${directory}/filler ${directory}/more; mount -o remount,size=64m ${directory}`);
}

/** Everything that an operator and fate do with daemons; guests may notice nothing but the end of a killed forwarder. */
async function theWholeLife(): Promise<void> {
  const { box, bridge, hypervisor } = site;
  const traffic = startTraffic(site);
  await mapByHand(box, bridge, { [SERVICE]: upstream(FIRST), 80: upstream(FIRST + 1) });
  await hypervisor.must('reload');
  await hypervisor.must('restart');
  process.kill(pidOf(site, 'one_tproxy_br0'), 'SIGKILL');
  await hypervisor.must('reload');
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);

  const short = startTraffic(site, { kinds: { short: 2 }, ports: [SERVICE, 80] });
  await until('served', () => short.told.length > 10);
  const at = monotonicMs();
  process.kill(pidOf(site, 'one_tproxy'), 'SIGKILL');
  await until('served again', () => short.told.some(({ start, reached }) => start > at + 5 && reached > 0));
  await short.finish();
  expect(faultsOf(short).filter(({ outcome }) => outcome === 'refused' || outcome === 'timeout')).toEqual([]);

  await hypervisor.must('stop');
  await hypervisor.must('start');
  const again = startTraffic(site);
  await again.finish();
  expect(faultsOf(again)).toEqual([]);
}

describe('full disk under /var/log', () => {
  test('the whole life of the daemons goes on', async () => {
    await fill('/var/log');
    await theWholeLife();
  });

  test('logs go on when there is room again', async () => {
    await fill('/var/log');
    const traffic = startTraffic(site);
    await until('served', () => traffic.told.length > 50);
    await empty('/var/log');
    const count = traffic.told.length;
    await until('served', () => traffic.told.length > count + 20);
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    const last = `192.168.150.11`;
    await until('told', async () => {
      const told = await site.box.sh(
        `grep -c 'connection finished.*\\|${last}' /var/log/one_tproxy_br0.log || true`,
      );
      return Number(told) > 20;
    });
  });

  test('a log that can not even be made: the whole life of the daemons goes on', async () => {
    await site.hypervisor.must('stop');
    await site.box.sh('mount -t tmpfs -o ro tmpfs /var/log');
    await site.hypervisor.must('start');
    await theWholeLife();
  });
});

describe('full disk under /run', () => {
  test('the whole life of the daemons goes on', async () => {
    await fill('/run');
    await theWholeLife();
  });

  test('not one file more can be made there: a restart fails, what runs goes on', async () => {
    const { box, hypervisor } = site;
    const before = await hypervisor.daemons();
    await box.sh(`
      mkdir /run/full
      mount -o remount,nr_inodes=$(($(df --output=iused /run | tail -n 1) + 20)) /run
      for i in $(seq 100); do touch /run/full/$i 2>/dev/null || exit 0; done
      echo 'not full'; exit 1
    `);
    const traffic = startTraffic(site);
    expect(await hypervisor.tproxy('restart')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^ERROR: .*ENOSPC/),
    });
    await mapByHand(box, site.bridge, { [SERVICE]: upstream(FIRST), 80: upstream(FIRST + 1) });
    await hypervisor.must('reload');
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(await hypervisor.daemons()).toEqual(before);
    await box.sh('rm -r /run/full');
    await hypervisor.must('restart');
    const again = startTraffic(site, { ports: [80] });
    await again.finish();
    expect(faultsOf(again)).toEqual([]);
  });
});

test('a runtime directory that is read-only, or has something else in it, is told in a line, and nothing runs otherwise', async () => {
  const { box, bridge, hypervisor } = site;
  const before = await hypervisor.daemons();
  const says = async (verb: string, error: RegExp): Promise<void> => {
    const words = verb === 'up' ? ['up', '--bridge', bridge, '--network', 'lan'] : [verb];
    const { status, stderr } = await hypervisor.tproxy(...words);
    expect({ verb, status, stderr }).toMatchObject({ status: 1, stderr: expect.stringMatching(error) });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  };
  await box.sh('mount --bind /run/one_tproxy /run/one_tproxy; mount -o remount,ro,bind /run/one_tproxy');
  for (const verb of ['apply', 'up'])
    await says(verb, /^ERROR: (?:pre: .*)?EROFS: .*; check the file system/);
  await box.sh(
    'umount /run/one_tproxy; rm -rf /run/one_tproxy/attachments; touch /run/one_tproxy/attachments',
  );
  for (const verb of ['apply', 'plan', 'up'])
    await says(verb, /^ERROR: (?:pre: .*)?ENOTDIR: .*; check the file/);
  await box.sh('rm /run/one_tproxy/attachments');
  expect(await hypervisor.daemons()).toEqual(before);
});
