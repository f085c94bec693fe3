import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mapByHand } from '../support/hypervisor.ts';
import type { Program } from '../support/program.ts';
import type { Site } from '../support/site.ts';
import {
  createStage,
  FIRST,
  faultsOf,
  pidOf,
  promptly,
  SERVICE,
  startTraffic,
  until,
  upstream,
} from '../torture/stage.ts';
import { titlesOf } from '../torture/weights.ts';

let site: Site;

beforeEach(async () => {
  site = await createStage();
});

afterEach(async () => {
  await site.box.close();
});

async function isServed(): Promise<void> {
  const traffic = startTraffic(site, { kinds: { short: 2, upload: 1 } });
  await traffic.finish();
  expect(faultsOf(traffic)).toEqual([]);
}

describe('a stranger process titled', () => {
  const SLEEP = 'setInterval(() => {}, 1000)';
  const strangers = [
    { title: 'one_tproxy_br0', kind: 'bash', argv: ['bash', '-c', 'exec -a one_tproxy_br0 sleep 600'] },
    { title: 'one_tproxy', kind: 'bash', argv: ['bash', '-c', 'exec -a one_tproxy sleep 600'] },
    {
      title: 'one_tproxy_br0',
      kind: 'node',
      argv: ['node', '-e', `process.title = 'one_tproxy_br0'; ${SLEEP}`],
    },
    { title: 'one_tproxy', kind: 'node', argv: ['node', '-e', `process.title = 'one_tproxy'; ${SLEEP}`] },
    { title: 'tproxy_old', kind: 'node', argv: ['node', '-e', `process.title = 'tproxy_old'; ${SLEEP}`] },
    { title: 'tproxy_watch', kind: 'bash', argv: ['bash', '-c', 'exec -a tproxy_watch sleep 600'] },
  ];

  test(`${strangers.map(({ title, kind }) => `${title} (${kind})`).join(', ')} is neither counted nor signalled`, async () => {
    const { hypervisor, box } = site;
    const before = await hypervisor.daemons();
    const own = titlesOf(box).length;
    // The most alike are in the same namespace as the listener.
    const places = [box, box.netns('one_tproxy_br0')];
    const programs = strangers.flatMap(({ argv }) => places.map((place) => place.spawn(argv)));
    const running = () =>
      box.processes().filter(({ cmdline }) => strangers.some(({ title }) => cmdline.startsWith(title)));
    await until('running', () => running().length === programs.length + own);
    expect(await hypervisor.daemons()).toEqual(before);
    for (const verb of ['start', 'reload', 'restart', 'stop', 'start']) await hypervisor.must(verb);
    expect(await hypervisor.daemons()).toHaveLength(2);
    expect(programs.filter(({ status }) => status !== undefined)).toEqual([]);
    await isServed();
  });
});

describe('stale sockets and records from a previous boot', () => {
  const leave: readonly { readonly what: string; readonly script: string }[] = [
    {
      what: 'sockets that nobody listens on, temporary ones included',
      script: `
        for name in control.sock bridge.br0 control.sock.1 bridge.br0.2 bridge.gone; do
          node -e "const s = require('net').createServer().listen('$name', () => process.exit())"
        done`,
    },
    { what: 'empty files of the same names', script: 'touch control.sock bridge.br0 settings.json' },
    { what: 'settings that are no JSON', script: `echo '{"debugLevel": ' > settings.json` },
    {
      what: 'settings of another age',
      script: `echo '{"debugLevel":"high","drainTimeoutS":-1}' > settings.json`,
    },
    { what: 'a lock file of nobody', script: 'touch lock; chmod 000 lock' },
    { what: 'the directory with other rights', script: 'chmod 777 .' },
  ];

  test.each(leave)('$what: start serves as if there were none', async ({ script }) => {
    const { box, hypervisor } = site;
    await hypervisor.must('stop');
    await box.sh(`rm -rf /run/one_tproxy; mkdir /run/one_tproxy; cd /run/one_tproxy; ${script}`);
    await hypervisor.must('start');
    await isServed();
    expect((await box.sh('stat -c %a /run/one_tproxy')).trim()).toBe('711');
  });

  test('a crash that left everything behind: start serves, nothing is there twice', async () => {
    const { box, hypervisor } = site;
    for (const title of ['tproxy_watch', 'one_tproxy', 'one_tproxy_br0'])
      process.kill(pidOf(site, title), 'SIGKILL');
    expect(await hypervisor.tproxy('status')).toMatchObject({ status: 3, stdout: '' });
    expect((await box.sh('ls /run/one_tproxy')).split('\n')).toContain('control.sock');
    await hypervisor.must('start');
    await isServed();
    expect(await hypervisor.daemons()).toHaveLength(2);
    await hypervisor.must('stop');
    expect(await box.sh('ls /run/one_tproxy')).toMatch(/^(lock\n)?$/);
  });
});

describe('two versions of the program at once during an upgrade', () => {
  const OTHER = '/var/tmp/other/vnm';

  /** The tree again, at another place and with another version, as a copy half way through `onehost sync` would be. */
  async function copyTree(): Promise<void> {
    await site.box.sh(`
      mkdir -p /var/tmp/other && cp -a /var/tmp/one/. /var/tmp/other/
      sed -i -E 's/"0\\.1\\.0( \\([^)]*\\))?"/"9.9.9"/' ${OTHER}/tproxy.d/*.cjs
    `);
    expect(await site.box.sh(`${OTHER}/tproxy --version`)).toBe('9.9.9\n');
  }

  function other(verb: string): Promise<string> {
    return site.box.sh(`${OTHER}/tproxy ${verb}`);
  }

  async function treeOf(title: string): Promise<string | undefined> {
    const environment = await site.box.sh(
      `tr '\\0' '\\n' < /proc/${(await site.hypervisor.daemon(title)).pid}/environ`,
    );
    return /^NODE_OPTIONS=.*="([^"]*)\/tproxy\.d/m.exec(environment)?.[1];
  }

  test('restart is the upgrade: guests do not notice; each version sees and commands the other one', async () => {
    const { box, bridge, hypervisor } = site;
    await copyTree();
    const traffic = startTraffic(site);
    await other('restart');
    expect(await treeOf('one_tproxy')).toBe(OTHER);
    expect(await treeOf('one_tproxy_br0')).toBe(OTHER);
    expect(await hypervisor.daemons()).toHaveLength(2);
    expect(await hypervisor.must('status')).toBe(await other('status'));
    // The old command, the new daemons; then the other way round.
    await mapByHand(box, bridge, { [SERVICE]: upstream(FIRST), 80: upstream(FIRST + 1) });
    await hypervisor.must('reload');
    await isServed();
    await hypervisor.must('restart');
    expect(await treeOf('one_tproxy')).toBe('/var/tmp/one/vnm');
    await other('reload');
    await other('start');
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(hypervisor.log('one_tproxy')).toContainEqual(expect.objectContaining({ version: '9.9.9' }));
    await other('stop');
    expect(await hypervisor.tproxy('status')).toMatchObject({ status: 3 });
  });

  test('files replaced under running daemons: what dies comes back, as the new version', async () => {
    const { box } = site;
    await copyTree();
    const traffic = startTraffic(site, { kinds: { short: 2, session: 2, download: 1 } });
    await box.sh(`cd /var/tmp/one && rm -rf vnm && cp -a ${OTHER} vnm`);
    process.kill(pidOf(site, 'one_tproxy_br0'), 'SIGKILL');
    await promptly('back', 3000, async () => (await site.hypervisor.daemons()).length === 2);
    await site.hypervisor.must('reload');
    await site.hypervisor.must('restart');
    await traffic.finish();
    expect(faultsOf(traffic)).toEqual([]);
    expect(site.hypervisor.log('one_tproxy')).toContainEqual(expect.objectContaining({ version: '9.9.9' }));
  });

  test.each([
    { what: 'does not even load', breakIt: `echo '}{' > ${OTHER}/tproxy.d/forwarder.cjs` },
    { what: 'ends at once', breakIt: `echo 'process.exit(9)' > ${OTHER}/tproxy.d/forwarder.cjs` },
    { what: 'has no data plane', breakIt: `rm ${OTHER}/tproxy.d/dataplane.cjs` },
    { what: 'lacks its native module', breakIt: `rm -r ${OTHER}/tproxy.d/native` },
  ])(
    'a new version that $what: restart fails and says so, the old one goes on alone',
    async ({ breakIt }) => {
      const { box } = site;
      await copyTree();
      await box.sh(breakIt);
      const before = titlesOf(box);
      const traffic = startTraffic(site);
      const { status, stderr } = await box.run([`${OTHER}/tproxy`, 'restart']);
      expect(stderr).toMatch(/^ERROR: /);
      expect(status).toBe(1);
      expect(titlesOf(box)).toEqual(before);
      await traffic.finish();
      expect(faultsOf(traffic)).toEqual([]);
      await site.hypervisor.must('reload');
    },
  );

  test('a command that the running forwarder does not know is answered, not swallowed', async () => {
    const answer = await site.box.run([
      'node',
      '-e',
      `const socket = require('net').connect('/run/one_tproxy/control.sock');
       socket.end(JSON.stringify({ op: 'of another time' }) + '\\n'); socket.pipe(process.stdout)`,
    ]);
    expect(JSON.parse(answer.stdout)).toMatchObject({
      ok: false,
      error: expect.stringContaining('tproxy restart'),
    });
    await isServed();
  });
});

test('descriptors of whoever called start are not kept by the daemons', async () => {
  const { box, hypervisor } = site;
  await hypervisor.must('stop');
  const caller: Program = box.spawn([
    'bash',
    '-c',
    'exec 200>/run/test/held; flock 200; /var/tmp/one/vnm/tproxy start; echo started',
  ]);
  await caller.waitFor(/started/);
  await caller.end();
  await box.sh('flock --nonblock /run/test/held true');
});
