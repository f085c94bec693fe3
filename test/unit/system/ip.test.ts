import { describe, expect, test } from 'vitest';
import { applyIp, askIp } from '../../../src/system/ip.ts';
import { parseIpAnswer } from '../../../src/system/ip-json.ts';
import { UnreadableAnswerError } from '../../../src/system/json.ts';
import type { Run } from '../../../src/system/run.ts';
import { answering, failure, fixture } from './fixtures.ts';

describe('links', () => {
  test('are read with kind, master, peer and MTU', () => {
    const { links } = parseIpAnswer(fixture('ip/6.1.0/links.json'), 'ip');
    const base = { up: true, mtu: 1500, addresses: [], peer: undefined, bridge: undefined };
    const port = { state: 'disabled', timerS: 0 };
    expect(links).toEqual([
      {
        ...base,
        name: 'br0',
        mac: '62:70:ad:72:c1:8c',
        index: 2,
        kind: 'bridge',
        master: undefined,
        peerIndex: undefined,
        bridge: { filtersVlans: false, stpDelayS: undefined, callsIptables: false },
        bridgePort: undefined,
      },
      {
        ...base,
        name: 'one-7-0',
        mac: 'aa:13:b0:84:c5:d4',
        index: 4,
        kind: 'veth',
        master: 'br0',
        peerIndex: undefined,
        peer: 'guest',
        bridgePort: port,
      },
      {
        ...base,
        name: 'one-8-0',
        mac: '7e:8b:07:7a:b6:3e',
        index: 5,
        kind: 'tun',
        master: 'br0',
        peerIndex: undefined,
        bridgePort: port,
      },
      {
        ...base,
        name: 'br0b',
        mac: '62:70:ad:72:c1:8c',
        index: 6,
        kind: 'veth',
        master: 'br0',
        peerIndex: 2,
        bridgePort: port,
      },
    ]);
  });

  test('of a netns that was just made have neither address nor route', () => {
    const { links, routes } = parseIpAnswer(fixture('ip/6.1.0/netns-fresh.json'), 'ip');
    expect(links.map(({ name, up, addresses }) => ({ name, up, addresses }))).toEqual([
      { name: 'lo', up: false, addresses: [] },
      { name: 'br0a', up: false, addresses: [] },
    ]);
    expect(routes).toEqual([]);
  });

  test('of a plumbed netns have both', () => {
    const { links, routes } = parseIpAnswer(fixture('ip/6.1.0/netns-plumbed.json'), 'ip');
    expect(links.find(({ name }) => name === 'br0a')).toMatchObject({
      up: true,
      index: 2,
      peerIndex: 6,
      addresses: ['169.254.16.9/32'],
    });
    expect(routes).toEqual([{ destination: 'default', device: 'br0a', scope: 'link', gateway: undefined }]);
  });

  test('versions that print empty objects, empty lists or nothing for no match', () => {
    expect(parseIpAnswer('[{},{}]\n[]\n\n', 'ip')).toEqual({ links: [], routes: [] });
  });

  test.each([
    ['no JSON', 'br0: up'],
    ['half an answer', fixture('ip/6.1.0/links.json').slice(0, 300)],
    ['no list', '{"ifname":"br0"}'],
    ['a device without an index', '[{"ifname":"br0","flags":[],"mtu":1500}]'],
    ['a device without flags', '[{"ifname":"br0","ifindex":1,"mtu":1500}]'],
    ['an object of another kind', '[{"hello":1}]'],
  ])('unreadable is not empty: %s', (_, text) => {
    expect(() => parseIpAnswer(text, 'ip')).toThrow(UnreadableAnswerError);
  });
});

describe('running', () => {
  test('one process per batch, in the root namespace or in a netns', async () => {
    const calls: unknown[] = [];
    const run: Run = async (command, args, options) => {
      calls.push([[command, ...args].join(' '), options?.input]);
      return { stdout: '[]', stderr: '' };
    };
    await askIp(run, ['link show dev br0', 'link show master br0']);
    await applyIp(run, ['link set lo up']);
    await applyIp(run, ['link set lo up'], 'one_tproxy_br0');
    expect(calls).toEqual([
      ['ip -j -d -batch -', 'link show dev br0\nlink show master br0\n'],
      ['ip -batch -', 'link set lo up\n'],
      ['ip -n one_tproxy_br0 -batch -', 'link set lo up\n'],
    ]);
  });

  test.each([
    ['link-add-unprivileged', /run as root/],
    ['link-add-unknown-kind', /load the kernel module/],
    ['link-add-exists', /File exists/],
  ])('explains %s', async (name, message) => {
    const run = answering({ 'ip -batch -': failure(`ip/6.1.0/${name}.stderr`) });
    await expect(applyIp(run, ['x'])).rejects.toThrow(message);
  });
});
