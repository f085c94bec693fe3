import { expect, test } from 'vitest';
import { UnreadableAnswerError } from '../../../src/system/json.ts';
import { readNetns, writeSysctls } from '../../../src/system/netns.ts';
import type { Run } from '../../../src/system/run.ts';
import { fixture } from './fixtures.ts';

const PATHS = [
  'net/ipv4/ip_forward',
  'net/ipv4/conf/br-lan.12a/arp_ignore',
  'net/ipv6/conf/all/disable_ipv6',
];

function printing(stdout: string): Run {
  return async () => ({ stdout, stderr: '' });
}

test('reads devices, routes and settings in one go; a setting that the kernel lacks is missing', async () => {
  const inside = await readNetns(printing(`${fixture('ip/6.1.0/netns-plumbed.json')}0\n1\n-\n`), 'x', PATHS);
  expect(inside.links.map(({ name }) => name)).toEqual(['lo', 'br0a']);
  expect(inside.routes).toHaveLength(1);
  expect(inside.sysctls).toEqual(
    new Map([
      ['net/ipv4/ip_forward', '0'],
      ['net/ipv4/conf/br-lan.12a/arp_ignore', '1'],
    ]),
  );
});

test.each([
  ['nothing', ''],
  ['a setting too few', `${fixture('ip/6.1.0/netns-plumbed.json')}0\n1\n`],
  ['no answer of ip', '0\n1\n'],
])('unreadable is not empty: %s', async (_, stdout) => {
  await expect(readNetns(printing(stdout), 'x', PATHS)).rejects.toThrow(UnreadableAnswerError);
});

test('passes paths and values as data, never as part of a script', async () => {
  const calls: { line: string; input: string | undefined }[] = [];
  const run: Run = async (command, args, options) => {
    calls.push({ line: [command, ...args.slice(0, 4)].join(' '), input: options?.input });
    return { stdout: '', stderr: '' };
  };
  await writeSysctls(
    run,
    'one_tproxy_br0',
    new Map([
      ['net/ipv4/ip_forward', '0'],
      ['net/$(x)', '1'],
    ]),
  );
  expect(calls).toEqual([
    {
      line: 'nsenter --net=/run/netns/one_tproxy_br0 -- sh -c',
      input: 'net/ipv4/ip_forward=0\nnet/$(x)=1\n',
    },
  ]);
});
