import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
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

const EXECUTABLE = '/var/tmp/one/vnm/tproxy';
const SERVICES = {
  80: `${UPSTREAM_ADDRESS}:1111`,
  81: `${UPSTREAM_ADDRESS}:9`,
  9000: `${UPSTREAM_ADDRESS}:9000`,
};

let site: Site;

beforeAll(async () => {
  site = await createSite({ services: SERVICES });
  await startGreeter(site.host, 1111, 'first');
  await startServer(site.host, 9000);
  await site.hypervisor.deploy(site.guest);
  expect(await ask(site.guest, 80)).toBe('first');
  expect(await ask(site.guest, 81)).toBe('ECONNRESET');
  await vi.waitUntil(() => site.hypervisor.connections('br0').length === 2, { timeout: 10_000 });
});

afterAll(async () => {
  await site.box.close();
});

/** A command on a terminal of its own, of 80 × 24 cells; what it printed, escape sequences included, is in `output`. */
function onTerminal(command: string): Program {
  return site.box.spawn(['script', '-qec', `stty cols 80 rows 24; ${command}`, '/dev/null'], {
    env: { TERM: 'xterm' },
  });
}

describe('tproxy top', () => {
  test('prints one sample where there is no terminal', async () => {
    const { hypervisor } = site;
    const lines = (
      await hypervisor.must('top', '--by', 'service', '--sort', 'name', '--interval', '0.1')
    ).split('\n');
    expect(lines[0]).toMatch(
      /^BRIDGE▼ +SERVICE +UPSTREAM +NOW +NEW\/S +UP\/S +DOWN\/S +TOTAL +UP +DOWN +ERRORS$/,
    );
    expect(lines[1]).toMatch(/^br0 +80 +10\.11\.12\.13:1111 +0 +0 +0 B +0 B +\d+ +0 B +\d+ B +0$/);
    expect(lines[2]).toMatch(/^br0 +81 +10\.11\.12\.13:9 .* [1-9]\d*$/);
  });

  test('tells per guest what it has moved', async () => {
    const { hypervisor, guest } = site;
    const sample = async () => {
      const { by, rows } = JSON.parse(
        await hypervisor.must('top', '--json', '--by', 'guest', '--interval', '0.1'),
      );
      expect({ by, rows }).toMatchObject({ by: 'guest', rows: [{ bridge: 'br0', guest: guest.ip }] });
      expect(rows[0].perSecond.bytesToUpstream).toBeGreaterThanOrEqual(0);
      return rows[0];
    };
    const before = await sample();
    const upload = await guest.run(program('client', '169.254.16.9', 9000, 'upload', 3_000_000));
    expect(upload.status).toBe(0);
    await expect
      .poll(async () => (await sample()).bytesToUpstream)
      .toBe(before.bytesToUpstream + 'sink\n'.length + 3_000_000);
    expect((await sample()).connections).toBe(before.connections + 1);
  });

  test('is live on a terminal, obeys keys and sizes, and leaves the terminal as it was', async () => {
    const { guest, box } = site;
    const shell = onTerminal(
      `tty; stty -g | sed s/^/before-/; ${EXECUTABLE} top --interval 0.2; stty -g | sed s/^/after-/; echo done`,
    );
    const [, tty = ''] = await shell.waitFor(/^(\/dev\/pts\/\d+)\r$/m);
    await shell.waitFor(/\x1b\[\?1049h\x1b\[\?25l/);
    await shell.waitFor(/3 of 3 services listen/);
    await shell.waitFor(/SERVICE {2}UPSTREAM/);
    expect(await ask(guest, 80)).toBe('first');
    shell.stdin.write('g');
    await shell.waitFor(/BRIDGE {2}GUEST/);
    shell.stdin.write('>');
    await shell.waitFor(/TOTAL▼/);
    await box.sh(`stty -F ${tty} cols 30 rows 6`);
    // As high as it is now: five line feeds from the home position to the next one.
    await shell.waitFor(/\x1b\[H[^\n]{0,90}(\n[^\n]{0,90}){5}\x1b\[J(?=\x1b\[H)/);
    shell.stdin.write('q');
    await shell.waitFor(/^done\r$/m);
    expect(await shell.end()).toBe(0);
    const [, before] = /before-(\S+)/.exec(shell.output) ?? [];
    expect(shell.output).toContain(`after-${before?.replace(/\r$/, '')}`);
    expect(shell.output.lastIndexOf('\x1b[?25h\x1b[?1049l')).toBeGreaterThan(
      shell.output.lastIndexOf('\x1b[H'),
    );
  });

  test.each([
    ['Ctrl-C', (shell: Program) => shell.stdin.write('\x03')],
    ['SIGTERM', (_: Program, pid: string) => site.box.sh(`kill -TERM ${pid}`)],
  ])('leaves the terminal as it was after %s, too', async (_, end) => {
    const run = `sh -c 'echo pid-$$; exec ${EXECUTABLE} top'`;
    const shell = onTerminal(`stty -g | sed s/^/before-/; ${run}; stty -g | sed s/^/after-/; echo done`);
    const [, pid = ''] = await shell.waitFor(/pid-(\d+)/);
    await shell.waitFor(/3 of 3 services listen/);
    await end(shell, pid);
    await shell.waitFor(/^done\r$/m);
    const [, before = 'nothing'] = /before-([0-9a-f:]+)/.exec(shell.output) ?? [];
    expect(shell.output).toContain(`after-${before}`);
    expect(shell.output).toContain('\x1b[?25h\x1b[?1049l');
  });

  test('waits for a forwarder that is replaced meanwhile', async () => {
    const shell = onTerminal(`${EXECUTABLE} top --interval 0.1`);
    await shell.waitFor(/3 of 3 services listen/);
    await site.hypervisor.must('stop');
    await shell.waitFor(/no daemon is running; run tproxy start/);
    await site.hypervisor.must('start');
    const length = shell.output.length;
    await expect.poll(() => shell.output.slice(length)).toContain('3 of 3 services listen');
    shell.stdin.write('q');
    expect(await shell.end()).toBe(0);
  });
});

describe('tproxy log', () => {
  test('prints the last lines of all logs, filtered', async () => {
    const { hypervisor, guest } = site;
    const lines = (await hypervisor.must('log', '--no-follow', '--service', '80')).trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(line).toMatch(
        new RegExp(
          `^\\d{4}-\\d\\d-\\d\\d [\\d:.]{12} {2}br0 {2}${guest.ip}:\\d+ → 80 → 10\\.11\\.12\\.13:1111 {2}0 B up, 6 B down`,
        ),
      );
      expect(line).toMatch(/ms {2}closed$/);
    }
    const refused = await hypervisor.must('log', '--no-follow', '--outcome', 'upstream-refused', '-n', '1');
    expect(refused).toMatch(/→ 81 → .* {2}upstream-refused\n$/);
    expect(await hypervisor.must('log', '--no-follow', '--bridge', 'br9', '--service', '80')).toBe('');
    expect(await hypervisor.must('log', '--no-follow', '--level', 'info')).toContain('INFO  forwarder ready');
  });

  test('follows, over both kinds of logrotate and damaged lines', async () => {
    const { box, guest } = site;
    const file = '/var/log/one_tproxy_br0.log';
    const following = box.spawn([EXECUTABLE, 'log', '-n', '0', '--service', '80', '--guest', guest.ip]);
    try {
      const lines = () => following.lines.filter((line) => line.includes('→ 80 →')).length;
      // Lines of the new file are written by hand, each as of another port: the daemons go on with the file that they have open.
      const copy = (port: number) => `sed 's/"guest":"[^"]*"/"guest":"${guest.ip}:${port}"/' /run/sample`;
      await box.sh(`grep -m 1 '"service_port":80,"guest"' ${file} > /run/sample`);
      await expect
        .poll(async () => {
          expect(await ask(guest, 80)).toBe('first');
          return lines();
        })
        .toBeGreaterThan(0);
      const before = lines();
      await box.sh(`cp ${file} ${file}.1; truncate -s 0 ${file}`);
      await expect
        .poll(async () => {
          expect(await ask(guest, 80)).toBe('first');
          return lines();
        })
        .toBeGreaterThan(before);
      await box.sh(`mv ${file} ${file}.2; { echo '{"level":30,"ti'; ${copy(1)}; } > ${file}`);
      await following.waitFor(/:1 → 80 →/);
      await box.sh(`{ echo nonsense; ${copy(2)}; } >> ${file}`);
      await following.waitFor(/:2 → 80 →/);
      expect(following.output).not.toMatch(/nonsense|Error|\s+at /);
    } finally {
      await following.stop();
      await box.sh(`if [ -e ${file}.2 ]; then mv ${file}.2 ${file}; fi`);
    }
  });

  test('a reader that has seen enough is no error', async () => {
    const script = `set -o pipefail; ${EXECUTABLE} log -n 1000000 --no-follow | head -n 1 > /dev/null`;
    await site.box.sh(script);
  });
});

describe('whoever is not root', () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', EXECUTABLE];
  test.each([
    [['top'], 'needs root'],
    [['metrics'], 'needs root'],
    [['status', '-v'], 'needs root'],
    [['status', '--json'], 'needs root'],
    [['log', '--no-follow'], "can't be read; run it with sudo"],
  ])('%j is told in a sentence', async (args, sentence) => {
    const { status, stdout, stderr } = await site.box.run([...nobody, ...args]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^ERROR: [^\n]+\n$/);
    expect(stderr).toContain(sentence);
  });
});

test.each([
  [['top', '--by', 'vm'], 'write one of bridge, service, guest, connection'],
  [['top', '--sort', 'fast'], 'write one of name'],
  [['top', '--interval', '0'], 'write seconds'],
  [['log', '--level', 'loud'], 'write error, warning, info, debug'],
  [['log', '--service', '0'], 'not a service port'],
  [['log', '--guest', 'vm1'], 'not an IPv4 address'],
  [['log', '--bridge', 'a/b'], 'not a valid bridge name'],
  [['log', '-n', 'x'], 'write a whole number'],
])('%j is bad usage', async (args, sentence) => {
  const { status, stdout, stderr } = await site.hypervisor.tproxy(...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(sentence);
});
