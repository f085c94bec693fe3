import { expect, test } from 'vitest';
import { UnreadableAnswerError } from '../../../src/system/json.ts';
import { readNetns, writeNetns } from '../../../src/system/netns.ts';
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
  const inside = await readNetns(
    printing(`-\n${fixture('ip/6.1.0/netns-plumbed.json')}0\n1\n-\n`),
    'x',
    PATHS,
  );
  expect(inside.links.map(({ name }) => name)).toEqual(['lo', 'br0a']);
  expect(inside.routes).toHaveLength(1);
  expect(inside.chains).toBeUndefined();
  expect(inside.sysctls).toEqual(
    new Map([
      ['net/ipv4/ip_forward', '0'],
      ['net/ipv4/conf/br-lan.12a/arp_ignore', '1'],
    ]),
  );
});

test('reads the chains of its nft table', async () => {
  const chain = { family: 'inet', table: 'one_tproxy', name: 'input', type: 'filter', hook: 'input' };
  const nftables = [
    { table: { family: 'inet', name: 'one_tproxy' } },
    { chain: { ...chain, prio: 0, policy: 'drop' } },
    { rule: { family: 'inet', table: 'one_tproxy', chain: 'input', comment: 'one_tproxy 1', expr: [] } },
  ];
  const answer = `${JSON.stringify({ nftables })}\n${fixture('ip/6.1.0/netns-plumbed.json')}0\n1\n-\n`;
  expect((await readNetns(printing(answer), 'x', PATHS)).chains?.get('input')).toMatchObject({
    base: 'filter input 0 drop',
    rules: [{ comment: 'one_tproxy 1' }],
  });
});

test.each([
  ['nothing', ''],
  ['half a ruleset', '{"nftables": [\n0\n1\n-\n'],
  ['a setting too few', `-\n${fixture('ip/6.1.0/netns-plumbed.json')}0\n1\n`],
  ['no answer of ip', '-\n0\n1\n'],
])('unreadable is not empty: %s', async (_, stdout) => {
  await expect(readNetns(printing(stdout), 'x', PATHS)).rejects.toThrow(UnreadableAnswerError);
});

test('passes paths and values as data, never as part of a script', async () => {
  const calls: { line: string; input: string | undefined }[] = [];
  const run: Run = async (command, args, options) => {
    calls.push({ line: [command, ...args.slice(0, 4)].join(' '), input: options?.input });
    return { stdout: '', stderr: '' };
  };
  const sysctls = new Map([
    ['net/ipv4/ip_forward', '0'],
    ['net/$(x)', '1'],
  ]);
  await writeNetns(run, 'one_tproxy_br0', sysctls);
  await writeNetns(run, 'one_tproxy_br0', sysctls, 'add table inet $(x)\n');
  expect(calls).toEqual([
    {
      line: 'nsenter --net=/run/netns/one_tproxy_br0 -- sh -c',
      input: 'net/ipv4/ip_forward=0\nnet/$(x)=1\n',
    },
    {
      line: 'nsenter --net=/run/netns/one_tproxy_br0 -- sh -c',
      input: 'net/ipv4/ip_forward=0\nnet/$(x)=1\n\nadd table inet $(x)\n',
    },
  ]);
});
