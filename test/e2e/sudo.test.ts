import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Hypervisor, plumbByHand } from '../support/hypervisor.ts';
import { addBridge } from '../support/network.ts';
import type { Finished } from '../support/program.ts';
import { Sandbox } from '../support/sandbox.ts';
import { templateFor } from '../support/template.ts';

/** What oneadmin, hostile or taken over, can make of the command lines that sudoers allows. */
const ETC = fileURLToPath(new URL('../../etc', import.meta.url));
const EXECUTABLE = '/var/tmp/one/vnm/tproxy';
const ONEADMIN = 9869;
/** What a program of the attacker's leaves when it runs as root. */
const TROPHY = '/run/test/trophy';

let box: Sandbox;
let hypervisor: Hypervisor;

beforeAll(async () => {
  box = await Sandbox.create();
  hypervisor = await Hypervisor.install(box);
  await addBridge(box, 'br0');
  await plumbByHand(box, 'br0', { 5030: '10.11.12.13 . 5030' });
  // The most careless sudo there is: it hands on whatever the caller has.
  await box.sh(`
    cd /run/test
    grep -v '^oneadmin:' /etc/passwd >passwd; echo 'oneadmin:*:${ONEADMIN}:${ONEADMIN}::/:/bin/sh' >>passwd
    grep -v '^oneadmin:' /etc/group >group; echo 'oneadmin:*:${ONEADMIN}:' >>group
    mkdir -m 755 sudoers.d; cp ${ETC}/sudoers.d/one-tproxy* sudoers.d/
    printf '%s\\n' 'Defaults !env_reset, !secure_path, !use_pty, !umask' '@includedir /etc/sudoers.d' >sudoers
    chmod 440 sudoers sudoers.d/*; chmod 644 passwd group; chmod 711 .
    for name in passwd group sudoers sudoers.d; do mount --bind $name /etc/$name; done
    mkdir -m 755 bin
    for name in node nft ip nsenter setpriv bash sh env nft bridge awk; do
      printf '#!/bin/sh\\nid -u >>${TROPHY}\\nexit 1\\n' >bin/$name; chmod 755 bin/$name
    done
    printf 'require("node:fs").writeFileSync("${TROPHY}", "node")\\n' >evil.cjs
    printf 'id -u >>${TROPHY}\\n' >evil.sh
  `);
});

afterAll(async () => {
  await hypervisor?.tproxy('stop');
  await box?.close();
});

beforeEach(async () => {
  await box.sh('rm -rf /run/one_tproxy');
  await hypervisor.must('stop');
  await box.sh(`rm -rf ${TROPHY} /run/one_tproxy /var/log/one_tproxy*`);
});

/** Runs a command line by sudo as oneadmin, who has said `shell` before. */
function bySudo(args: readonly string[], shell = '', input = ''): Promise<Finished> {
  const words = args.map((word) => `'${word}'`).join(' ');
  const script = `${shell}\nexec /usr/bin/sudo -n ${words}`;
  const become = ['setpriv', `--reuid=${ONEADMIN}`, `--regid=${ONEADMIN}`, '--clear-groups', '--'];
  return box.run([...become, '/bin/bash', '--norc', '-c', script], { input });
}

describe('sudoers allows oneadmin these command lines and no others', () => {
  test.each([
    ['status', 3],
    ['stop', 0],
    ['start', 0],
    ['reload', 3],
    ['restart', 0],
    ['plan', 0],
    ['apply', 0],
  ])('%s runs', async (verb, status) => {
    expect((await bySudo([EXECUTABLE, verb])).status).toBe(status);
  });

  test.each(['up', 'down'])('%s runs, with the template on its input', async (verb) => {
    const input = templateFor({ vmId: 7, nics: [{ bridge: 'absent0', nicId: 0 }] });
    const { stderr } = await bySudo([EXECUTABLE, verb], '', input);
    expect(stderr).not.toContain('sudo:');
    expect(stderr).toContain('absent0');
  });

  test.each([
    [[EXECUTABLE]],
    [[EXECUTABLE, 'doctor']],
    [[EXECUTABLE, '--config', '/run/test/mine.conf', 'apply']],
    [[EXECUTABLE, 'status', '-v']],
    [[EXECUTABLE, 'start', '--config', '/run/test/mine.conf']],
    [[EXECUTABLE, '--config', '/run/test/mine.conf', 'start']],
    [[EXECUTABLE, 'up', '--bridge', 'br0', '--network', 'net']],
    [['/run/test/bin/sh']],
  ])('%j does not', async (args) => {
    const { status, stderr } = await bySudo(args);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^sudo: a password is required$/m);
  });
});

describe("the caller's environment chooses nothing that root runs", () => {
  test.each([
    ['programs', 'export PATH=/run/test/bin:$PATH'],
    ['options of node', 'export NODE_OPTIONS="--require /run/test/evil.cjs"'],
    ['modules', 'export NODE_PATH=/run/test NODE_REPL_EXTERNAL_MODULE=/run/test/evil.cjs'],
    ['start-up files of shells', 'export BASH_ENV=/run/test/evil.sh ENV=/run/test/evil.sh'],
    [
      'functions of bash',
      'nsenter() { id -u >>/run/test/trophy; }; date() { nsenter; }; export -f nsenter date',
    ],
    ['libraries', 'export LD_PRELOAD=/run/test/evil.so LD_LIBRARY_PATH=/run/test'],
    [
      'our own variables',
      'export ONE_TPROXY_ROLE=forwarder ONE_TPROXY_SETTINGS=[] ONE_TPROXY_AGAIN=1 ONE_TPROXY_SOCKET=/run/test/s',
    ],
  ])('%s', async (_, shell) => {
    const { status, stderr } = await bySudo([EXECUTABLE, 'start'], shell);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(await box.sh(`cat ${TROPHY} 2>/dev/null || echo none`)).toBe('none\n');
    const [forwarder] = await hypervisor.daemons();
    const environment = await box.sh(`tr '\\0' '\\n' </proc/${forwarder?.pid}/environ`);
    expect(environment).not.toMatch(/run\/test/);
    expect(environment.match(/^ONE_TPROXY_ROLE=.*/gm)).toEqual(['ONE_TPROXY_ROLE=forwarder']);
  });
});

test('a careless umask leaves no file that others can write to; the directory of the caller is not kept', async () => {
  expect((await bySudo([EXECUTABLE, 'start'], 'umask 000; cd /run/test/bin')).status).toBe(0);
  for (const { pid } of await hypervisor.daemons()) {
    expect(await box.sh(`readlink /proc/${pid}/cwd /proc/$(ps -o ppid= -p ${pid} | tr -d ' ')/cwd`)).toBe(
      '/\n/\n',
    );
  }
  const files = await box.sh('find /run/one_tproxy /var/log/one_tproxy* ! -type l -printf "%m %p\\n"');
  expect(files).toContain('/run/one_tproxy/control.sock');
  expect(files).toContain('/var/log/one_tproxy.log');
  for (const line of files.trim().split('\n')) expect(line).toMatch(/^[0-7]*[0145][0145] /);
});

describe('what lies in the place of a log', () => {
  test.each([
    ['a symbolic link to a file', 'echo before >/run/test/precious; ln -s /run/test/precious'],
    ['a second name of a file', 'f() { echo before >"$1.other"; ln "$1.other" "$1"; }; f'],
    ['a file of somebody else', `f() { echo before >"$1"; chown ${ONEADMIN} "$1"; }; f`],
  ])('%s is not written to, and guests are served without a log', async (_, make) => {
    await box.sh(`${make} /var/log/one_tproxy.log; ${make} /var/log/one_tproxy_br0.log || true`);
    const read = () => box.sh('cat /var/log/one_tproxy.log');
    expect(await read()).toBe('before\n');
    expect((await bySudo([EXECUTABLE, 'start'])).status).toBe(0);
    expect((await hypervisor.daemons()).map(({ title }) => title)).toEqual(['one_tproxy', 'one_tproxy_br0']);
    expect(await read()).toBe('before\n');
  });

  test('a symbolic link is not written to when the forwarder dies and its watch has something to say', async () => {
    await box.sh('echo before >/run/test/precious; ln -s /run/test/precious /var/log/one_tproxy.log');
    expect((await bySudo([EXECUTABLE, 'start'])).status).toBe(0);
    const { pid } = await hypervisor.forwarder();
    await box.sh(`kill -KILL ${pid}`);
    const isBack = async () =>
      (await hypervisor.daemons()).some((daemon) => daemon.title === 'one_tproxy' && daemon.pid !== pid);
    await expect.poll(isBack).toBe(true);
    expect(await box.sh('cat /run/test/precious')).toBe('before\n');
  });
});

describe('what lies in the place of the runtime directory', () => {
  test.each([
    ['a directory of somebody else', `mkdir /run/one_tproxy; chown ${ONEADMIN} /run/one_tproxy`],
    ['a symbolic link', 'mkdir -p /run/test/mine; ln -s /run/test/mine /run/one_tproxy'],
  ])('%s is not used', async (_, make) => {
    await box.sh(make);
    const { status, stderr } = await bySudo([EXECUTABLE, 'start']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ERROR: \/run\/one_tproxy: not a directory owned by root; find out what/);
    expect(await box.sh('ls -A /run/one_tproxy/')).toBe('');
  });
});

test('what others have put into the runtime directory is not read', async () => {
  await box.sh(`
    mkdir /run/one_tproxy; chmod 777 /run/one_tproxy; cd /run/one_tproxy
    mkdir attachments; echo mine >attachments/x.json; ln -s ${TROPHY} settings.json
    chown -hR ${ONEADMIN} attachments settings.json
  `);
  expect((await bySudo([EXECUTABLE, 'start'])).status).toBe(0);
  expect(
    await box.sh('stat -c %a /run/one_tproxy; find /run/one_tproxy -type l; ls /run/one_tproxy'),
  ).toMatch(/^711\nbridge.br0\ncontrol.sock\nlock\nsettings.json\n$/);
  expect(await box.sh(`cat ${TROPHY} 2>/dev/null || echo none`)).toBe('none\n');
});

test('a copy that only root can write to goes before the one of oneadmin', async () => {
  const safe = '/usr/local/lib/one-tproxy';
  await box.sh(`
    mount -t tmpfs -o mode=755 tmpfs /usr/local/lib
    mkdir -p ${safe}; cp -r /var/tmp/one/vnm ${safe}/; chown -R root:root ${safe}; chmod -R go-w ${safe}
    rm /etc/sudoers.d/one-tproxy
    mv ${EXECUTABLE} ${EXECUTABLE}.aside; printf '#!/bin/sh\\nid -u >>${TROPHY}\\n' >${EXECUTABLE}; chmod 755 ${EXECUTABLE}
  `);
  const input = templateFor({ vmId: 7, nics: [{ bridge: 'absent0', nicId: 0 }] });
  const become = ['setpriv', `--reuid=${ONEADMIN}`, `--regid=${ONEADMIN}`, '--clear-groups', '--'];
  const { stderr } = await box.run([...become, '/var/tmp/one/vnm/bridge/pre.d/50-tproxy'], { input });
  expect(stderr).toContain('absent0');
  expect(stderr).not.toContain('sudo:');
  expect((await bySudo([EXECUTABLE, 'start'])).stderr).toMatch(/^sudo: a password is required$/m);
  expect(await box.sh(`cat ${TROPHY} 2>/dev/null || echo none`)).toBe('none\n');
  await box.sh(`
    umount /usr/local/lib; mv ${EXECUTABLE}.aside ${EXECUTABLE}; cp ${ETC}/sudoers.d/one-tproxy /etc/sudoers.d/; chmod 440 /etc/sudoers.d/*
  `);
});
