import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { close } from '../../src/linux/descriptor.ts';
import { plumbByHand } from '../support/hypervisor.ts';
import type { Program } from '../support/program.ts';
import { createSite, program, type Site } from '../support/site.ts';
import { FakeForwarder } from '../torture/fake-forwarder.ts';
import { createStage, faultsOf, pidOf, SERVICE, startTraffic, until, upstream } from '../torture/stage.ts';

let site: Site;

afterEach(async () => {
  await site.box.close();
});

test('listener killed while connections are between it and the forwarder: all are served', async () => {
  site = await createStage();
  const forwarder = pidOf(site, 'one_tproxy');
  process.kill(forwarder, 'SIGSTOP');
  const traffic = startTraffic(site, { kinds: { short: 20 }, pauseMs: 0 });
  await sleep(1000);
  process.kill(pidOf(site, 'one_tproxy_br0'), 'SIGKILL');
  await sleep(100);
  process.kill(forwarder, 'SIGCONT');
  await sleep(1500);
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
  expect(traffic.told.length).toBeGreaterThan(20);
});

/** A listener on its own, whose forwarder is the test. */
function startListener({ box }: Site, socket: string): Program {
  return box
    .netns('one_tproxy_br0')
    .spawn(['bash', '-c', 'exec -a one_tproxy_br0 "$0" </dev/null', process.execPath], {
      env: {
        NODE_OPTIONS: '--import=file:///var/tmp/one/vnm/tproxy.d/listener.mjs',
        ONE_TPROXY_ROLE: 'one_tproxy_br0',
        ONE_TPROXY_BRIDGE: 'br0',
        ONE_TPROXY_SOCKET: socket,
      },
    });
}

/** Resolves when the guest's kernel has `count` connections, which the listener need not have accepted. */
async function connected({ guest }: Site, count: number): Promise<void> {
  await until(`${count} connections`, 5000, async () => {
    const lines = await guest.sh('ss -Htn state established');
    return lines.trim().split('\n').length === count;
  });
}

test.each([
  { when: 'while it hears of its end', late: false },
  { when: 'while it hands over another one', late: true },
])('forwarder killed: the listener does not hand over again what was taken, $when', async ({ late }) => {
  site = await createSite();
  await plumbByHand(site.box, site.bridge, { [SERVICE]: upstream(1) });
  const socket = '/run/test/fake.sock';
  const forwarder = new FakeForwarder(site.box.path(socket));
  try {
    const program_ = startListener(site, socket);
    await forwarder.serve([SERVICE]);
    const dial = () => site.guest.spawn(program('read', '169.254.16.9', SERVICE));
    dial();
    const [first] = await forwarder.connections();
    if (!late) {
      // The second one is with the forwarder, unread, when that is killed.
      dial();
      await connected(site, 2);
      await sleep(100);
    }
    const listener = pidOf(site, 'one_tproxy_br0');
    process.kill(listener, 'SIGSTOP');
    if (late) {
      // The first thing that the listener sees is another guest, and only then that the forwarder is gone.
      dial();
      await connected(site, 2);
    }
    await sleep(100);
    forwarder.taken(1);
    forwarder.hangUp();
    // nsenter, its parent, stops with it and goes on with it.
    process.kill(listener, 'SIGCONT');
    process.kill(program_.pid, 'SIGCONT');

    await forwarder.serve([SERVICE]);
    const again = await forwarder.connections();
    expect(again.map(({ guestPort }) => guestPort)).not.toContain(first?.guestPort);
    expect(again).toHaveLength(1);
    for (const arrival of [first, ...again]) close(arrival?.fd ?? -1);
  } finally {
    forwarder.close();
  }
});
