import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addBridge } from '../support/network.ts';
import { createSite, type Site, UPSTREAM_ADDRESS } from '../support/site.ts';

/** What an `up` costs: the programs that it and the daemons start, and the code that is kept between runs. */
const TPROXY = '/var/tmp/one/vnm/tproxy';
const ASKED = '/run/test/asked';
const CODE = '/run/one_tproxy/.code';

let site: Site;

beforeAll(async () => {
  site = await createSite({ services: { 5030: `${UPSTREAM_ADDRESS}:1111` } });
  await site.box.sh(`
    mkdir -p /run/test/bin
    printf '#!/bin/sh\\necho "$*" >>${ASKED}\\nexec %s "$@"\\n' "$(command -v nft)" >/run/test/bin/nft
    chmod +x /run/test/bin/nft
  `);
  await addBridge(site.box, 'br1');
});

afterAll(async () => {
  await site.box.close();
});

interface Up {
  readonly said: string;
  /** Arguments of nft, of the command's own and of the daemons', in alphabetical order. */
  readonly asked: readonly string[];
}

async function tproxy(verb: 'up' | 'down', bridge: string): Promise<Up> {
  const said = await site.box.sh(`
    : >${ASKED}
    PATH=/run/test/bin:$PATH ${TPROXY} ${verb} --bridge ${bridge} --network net --network-id 7 2>&1
  `);
  return { said, asked: (await site.box.sh(`sort ${ASKED}`)).trimEnd().split('\n') };
}

test('up with nothing to do looks at each table once, and the daemons at none', async () => {
  await tproxy('up', 'br0');
  const { said, asked } = await tproxy('up', 'br0');
  expect(said).toContain('5030, as before');
  expect(asked).toEqual([
    '-j list table bridge one_tproxy',
    '-j list table inet one_tproxy',
    '-j list table ip one_tproxy',
  ]);
});

test('the daemons follow a change of one bridge by reading what is of that bridge', async () => {
  await tproxy('up', 'br0');
  const { asked } = await tproxy('up', 'br1');
  expect(asked.filter((words) => words.includes('ip one_tproxy'))).toEqual([
    '-j list map ip one_tproxy ep_br1',
    '-j list table ip one_tproxy',
  ]);
  const down = await tproxy('down', 'br1');
  expect(down.asked.filter((words) => words.includes('ep_'))).toEqual(['-j list map ip one_tproxy ep_br1']);
  expect((await site.hypervisor.daemons()).map(({ title }) => title)).toEqual([
    'one_tproxy',
    'one_tproxy_br0',
  ]);
});

describe('with nothing to do, daemons that are not as they should be are brought to it:', () => {
  test.each([
    ['forwarder dead', 'pkill -KILL -x -f one_tproxy', [5030]],
    ['no listener', 'pkill -KILL -x -f one_tproxy_br0', [5030]],
    // Of somebody else, who has a guest here, and has not called reload.
    ['an endpoint more', 'nft add element ip one_tproxy ep_br0 { 7000 : 10.0.0.1 . 1 }', [5030, 7000]],
  ])('%s', async (_what, change, ports) => {
    await tproxy('up', 'br0');
    await site.box.sh(change);
    await tproxy('up', 'br0');
    const titles = (await site.hypervisor.daemons()).map(({ title }) => title);
    expect(titles).toEqual(['one_tproxy', 'one_tproxy_br0']);
    const listening = await site.box.sh(
      `ip netns exec one_tproxy_br0 ss -Hltn | tr -s ' ' | cut -d' ' -f4 | sort`,
    );
    expect(listening).toBe(ports.map((port) => `169.254.16.9:${port}\n`).join(''));
  });
});

test('code that is kept is root’s alone, and without it, or with damaged one, all is as before', async () => {
  await tproxy('up', 'br0');
  const before = await site.box.sh(`cd ${CODE}; ls -A | wc -l; stat -c '%a %U' . *`);
  expect(before).toBe('1\n700 root\n600 root\n');
  const { said } = await tproxy('up', 'br0');
  const damages = [
    `rm ${CODE}/*`,
    `truncate -s 100000 ${CODE}/*`,
    `dd if=/dev/urandom of=$(ls ${CODE}/*) bs=1 seek=50000 count=64 conv=notrunc status=none`,
  ];
  for (const damage of damages) {
    await site.box.sh(damage);
    expect((await tproxy('up', 'br0')).said).toBe(said);
  }
  // Commands that change nothing on the host change nothing here either.
  await site.box.sh(`rm -r ${CODE}; ${TPROXY} status; ${TPROXY} --version; ${TPROXY} check; ${TPROXY} plan`);
  expect(await site.box.sh(`ls -A /run/one_tproxy`)).not.toContain('.code');
});
