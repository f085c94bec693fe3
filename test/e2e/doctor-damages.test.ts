import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPatient, type examine, examineAnswered, troubles } from '../support/doctor.ts';
import { addBridge, addGuest } from '../support/network.ts';
import type { Site } from '../support/site.ts';

/** A bridge each: what is done to it, and all that doctor finds about it. */
const DAMAGES: readonly (readonly [bridge: string, damage: string, found: readonly string[]])[] = [
  ['v-well', 'true', []],
  ['v-down', 'ip link set v-down down', ['bridge: failed']],
  ['v-noveth', 'ip link delete v-novethb', ['veth: failed', 'inside: failed']],
  ['v-nomaster', 'ip link set v-nomasterb nomaster', ['veth: failed']],
  ['v-portdown', 'ip link set v-portdownb down', ['veth: failed']],
  ['v-mtu', 'ip link set v-mtub mtu 1400', ['veth: warning']],
  [
    'v-nonetns',
    'umount /run/netns/one_tproxy_v-nonetns; rm /run/netns/one_tproxy_v-nonetns',
    ['netns: failed', 'listener: failed'],
  ],
  ['v-stale', 'umount /run/netns/one_tproxy_v-stale', ['netns: failed', 'listener: failed']],
  ['v-indown', 'ip -n one_tproxy_v-indown link set v-indowna down', ['inside: failed']],
  ['v-noaddr', 'ip -n one_tproxy_v-noaddr address flush dev v-noaddra', ['inside: failed']],
  ['v-noroute', 'ip -n one_tproxy_v-noroute route delete default', ['inside: failed']],
  [
    'v-sysctl',
    'ip netns exec one_tproxy_v-sysctl sh -c "echo 1 > /proc/sys/net/ipv4/conf/all/proxy_arp"',
    ['sysctls: warning'],
  ],
  ['v-norules', 'nft flush chain bridge one_tproxy ch_v-norules', ['arp: failed']],
  [
    'v-nochain',
    'nft flush chain bridge one_tproxy ch_v-nochain; nft delete chain bridge one_tproxy ch_v-nochain',
    ['arp: failed'],
  ],
  ['v-notap', 'nft \'delete element bridge one_tproxy tap_macs { "TAP" }\'', ['redirect: failed']],
  ['v-empty', 'nft flush map ip one_tproxy ep_v-empty', ['map: failed', 'listening: warning']],
  [
    'v-moved',
    "nft 'delete element ip one_tproxy ep_v-moved { 80 }'; nft 'add element ip one_tproxy ep_v-moved { 80 : 127.0.0.1 . 9 }'",
    ['map: failed', 'connection/80: failed'],
  ],
  [
    'v-surplus',
    "nft 'add element ip one_tproxy ep_v-surplus { 9999 : 10.11.12.13 . 1111 }'",
    ['map: warning', 'listening: failed', 'connection/9999: failed'],
  ],
  ['v-gone', 'ip link delete TAP', ['guests: warning']],
  ['v-nobridge', 'ip link delete v-nobridge', ['bridge: failed', 'map: warning']],
];

let site: Site;
let report: Awaited<ReturnType<typeof examine>>;
beforeAll(async () => {
  site = await createPatient();
  const { box, hypervisor } = site;
  const taps = new Map<string, string>();
  for (const [index, [bridge]] of DAMAGES.entries()) {
    await addBridge(box, bridge);
    const guest = await addGuest(box, bridge, { ip: `192.168.${index}.11` });
    await hypervisor.deploy(guest);
    taps.set(bridge, guest.device);
  }
  for (const [bridge, damage] of DAMAGES) await box.sh(damage.replaceAll('TAP', taps.get(bridge) ?? ''));
  report = await examineAnswered(site);
});
afterAll(async () => {
  await site.box.close();
});

test.each(DAMAGES)('%s: %s', (bridge, _damage, found) => {
  const own = report.checks.filter((check) => check.bridge === bridge);
  const others = new Set(['plan', 'log']);
  expect(troubles({ ...report, checks: own.filter(({ id }) => !others.has(id)) })).toEqual(
    found.map((line) => `${bridge}/${line}`),
  );
});

test('what apply would repair is told as well, and after it all of that holds', async () => {
  const planned = report.checks.filter(({ id, verdict }) => id === 'plan' && verdict === 'warning');
  const beyondRepair = ['v-well', 'v-down', 'v-gone'];
  const repairable = DAMAGES.map(([bridge]) => bridge).filter((bridge) => !beyondRepair.includes(bridge));
  expect(planned.map(({ bridge }) => bridge)).toEqual(repairable.sort());
  expect(report.status).toBe(1);
  await site.box.sh('ip link set v-down up');
  await site.hypervisor.must('apply');
  const left = troubles(await examineAnswered(site)).filter((line) => !line.startsWith('log: '));
  expect(left).toEqual(['v-gone/guests: warning']);
});
