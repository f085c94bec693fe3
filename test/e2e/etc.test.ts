import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Hypervisor } from '../support/hypervisor.ts';
import { Sandbox } from '../support/sandbox.ts';

/** The files in etc/, judged by the programs that read them. */
const ETC = fileURLToPath(new URL('../../etc', import.meta.url));

let box: Sandbox;

beforeAll(async () => {
  box = await Sandbox.create();
  // The unit and sudoers name the executable where `onehost sync` puts it.
  await Hypervisor.install(box);
});

afterAll(async () => {
  await box.close();
});

test.each([
  ['one-tproxy.service'],
  ['one-tproxy-metrics.service', 'one-tproxy-metrics.timer'],
  ['one-tproxy-apply.service', 'one-tproxy-apply.timer', 'one-tproxy-firewall.service'],
])('systemd takes %s as it is', async (...units) => {
  await box.sh(units.map((unit) => `cp ${ETC}/systemd/${unit} /run/`).join('\n'));
  const files = units.map((unit) => `/run/${unit}`);
  const { status, stdout, stderr } = await box.run(['systemd-analyze', 'verify', '--man=no', ...files]);
  // It also tells what is wrong with other units of the machine.
  const ours = (stdout + stderr).split('\n').filter((line) => line.includes('one-tproxy'));
  expect({ status, ours }).toEqual({ status: 0, ours: [] });
});

test('the unit runs commands that the executable has', async () => {
  const unit = readFileSync(`${ETC}/systemd/one-tproxy.service`, 'utf8');
  const commands = [...unit.matchAll(/^Exec\w+=\/var\/tmp\/one\/vnm\/tproxy (\w+)$/gm)].map(
    ([, verb]) => verb,
  );
  expect(commands).toEqual(['start', 'reload', 'stop']);
});

test('the unit leaves the capabilities that the daemons leave themselves', () => {
  const unit = readFileSync(`${ETC}/systemd/one-tproxy.service`, 'utf8');
  const watch = readFileSync(fileURLToPath(new URL('../../remotes/watch', import.meta.url)), 'utf8');
  const ofUnit = /^CapabilityBoundingSet=(.*)$/m
    .exec(unit)?.[1]
    ?.toLowerCase()
    .replaceAll('cap_', '')
    .split(' ');
  const ofWatch = /^readonly capabilities=-all,\+(.*)$/m.exec(watch)?.[1]?.split(',+');
  expect(ofUnit).toEqual(ofWatch);
});

test('logrotate takes its file as it is, and a daemon goes on writing to the file that was cut', async () => {
  await box.sh(`
    cp ${ETC}/logrotate.d/one_tproxy /run/logrotate.conf
    chmod 644 /run/logrotate.conf
    exec 7>>/var/log/one_tproxy_br0.log
    echo before >&7
    logrotate --force --state /run/logrotate.state /run/logrotate.conf
    echo after >&7
  `);
  expect(await box.sh('cat /var/log/one_tproxy_br0.log')).toBe('after\n');
  expect(await box.sh('cat /var/log/one_tproxy_br0.log.1')).toBe('before\n');
});

test.each(['one-tproxy', 'one-tproxy-root-owned'])('sudo takes %s as it is', async (name) => {
  const { status, stdout, stderr } = await box.run(['visudo', '-cf', `${ETC}/sudoers.d/${name}`]);
  expect({ status, text: stdout + stderr }).toEqual({
    status: 0,
    text: expect.stringContaining('parsed OK'),
  });
});
