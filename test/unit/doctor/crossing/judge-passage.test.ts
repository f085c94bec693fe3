import { describe, expect, test } from 'vitest';
import { judgePassage } from '../../../../src/doctor/crossing/judge-passage.ts';
import { parseLegacyChains } from '../../../../src/system/iptables.ts';
import { type ForeignChain, parseForeignChains } from '../../../../src/system/nft-ruleset.ts';

const WAY = { bridge: 'br0', guestPort: 'one-7-0', servicePort: 5030 };

const name = (key: string, right: unknown, op = '==') => ({ match: { op, left: { meta: { key } }, right } });
const address = (field: string, right: unknown) => ({
  match: { op: '==', left: { payload: { protocol: 'ip', field } }, right },
});
const STATE = {
  match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] },
};
const COUNTER = { counter: { packets: 0, bytes: 0 } };
const ACCEPT = { accept: null };
const DROP = { drop: null };

function chain(more: Partial<ForeignChain>): ForeignChain {
  return { family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', drops: true, rules: [], ...more };
}

/** What Docker leaves in the filter table. */
const DOCKER = [
  chain({ rules: [[COUNTER, { jump: { target: 'DOCKER-USER' } }], [{ jump: { target: 'DOCKER-1' } }]] }),
  chain({ name: 'DOCKER-USER', hook: undefined, drops: false, rules: [[COUNTER, { return: null }]] }),
  chain({
    ...{ name: 'DOCKER-1', hook: undefined, drops: false },
    rules: [
      [name('oifname', 'docker0'), { xt: null }, ACCEPT],
      [name('iifname', 'docker0'), name('oifname', 'docker0', '!='), ACCEPT],
    ],
  }),
];
const CULPRIT =
  'br_netfilter gives frames of br0 to iptables, where the policy of chain FORWARD in table ip filter drops them';

describe('iptables', () => {
  test.each<[string, readonly ForeignChain[] | undefined, string | undefined]>([
    ['is not asked', undefined, undefined],
    ['has no chain', [], undefined],
    ['has a policy of drop', [chain({})], CULPRIT],
    ['is what Docker leaves', DOCKER, CULPRIT],
    [
      'is what Docker leaves, with the remedy',
      [
        ...DOCKER.slice(0, 1),
        { ...DOCKER[1], rules: [[name('iifname', 'br0'), name('oifname', 'br0'), ACCEPT]] } as ForeignChain,
        ...DOCKER.slice(2),
      ],
      undefined,
    ],
    [
      'lets frames between ports of bridges pass, in a way that can not be read',
      [chain({ rules: [[{ xt: null }, ACCEPT]] })],
      undefined,
    ],
    [
      'lets the address pass',
      [
        chain({
          rules: [
            [address('daddr', '169.254.16.9'), ACCEPT],
            [STATE, ACCEPT],
          ],
        }),
      ],
      undefined,
    ],
    ['lets only answers pass', [chain({ rules: [[STATE, ACCEPT]] })], CULPRIT],
    ['lets any bridge pass', [chain({ rules: [[name('iifname', 'br*'), ACCEPT]] })], undefined],
    [
      'drops the prefix of the address',
      [
        chain({
          ...{ family: 'inet', table: 'mine', name: 'f', drops: false },
          rules: [[address('daddr', { prefix: { addr: '169.254.0.0', len: 16 } }), DROP]],
        }),
      ],
      'br_netfilter gives frames of br0 to iptables, where rule 1 of chain f in table inet mine drops them',
    ],
    [
      'drops another one',
      [chain({ drops: false, rules: [[address('daddr', '10.0.0.1'), DROP]] })],
      undefined,
    ],
    [
      'drops by a set that is not read',
      [chain({ drops: false, rules: [[address('saddr', '@bad'), DROP]] })],
      undefined,
    ],
    [
      'jumps in a circle',
      [
        chain({ drops: false, rules: [[{ jump: { target: 'a' } }]] }),
        chain({ name: 'a', hook: undefined, drops: false, rules: [[{ jump: { target: 'a' } }]] }),
      ],
      undefined,
    ],
  ])('%s', (_, ip, culprit) => {
    const finding = judgePassage(WAY, { bridge: [], ip });
    if (culprit === undefined) expect(finding).toMatchObject({ verdict: 'ok' });
    else expect(finding).toMatchObject({ verdict: 'failed', seen: culprit });
  });

  test('the remedies are what lets the frames pass', () => {
    const { remedy } = judgePassage(WAY, { bridge: [], ip: DOCKER }) as { remedy: string };
    expect(remedy).toContain('sysctl -w net.bridge.bridge-nf-call-iptables=0');
    expect(remedy).toContain('iptables -I FORWARD -i br0 -o br0 -j ACCEPT (with Docker: -I DOCKER-USER)');
  });

  test('legacy is read from what it prints', () => {
    const text = `-P INPUT ACCEPT
-P FORWARD DROP
-N DOCKER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -j DOCKER
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -j ACCEPT`;
    expect(judgePassage(WAY, { bridge: [], ip: parseLegacyChains(text) })).toMatchObject({ seen: CULPRIT });
    for (const remedy of [
      '-A DOCKER -i br+ -j ACCEPT',
      '-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT',
    ]) {
      const ip = parseLegacyChains(`${text}\n${remedy}`);
      expect(judgePassage(WAY, { bridge: [], ip })).toMatchObject({ verdict: 'ok' });
    }
  });
});

describe('chains of others in the bridge family', () => {
  const bridge = (rules: ForeignChain['rules'], hook = 'forward', drops = false) => [
    chain({ family: 'bridge', table: 't', name: 'c', hook, drops, rules }),
  ];
  test.each<[string, readonly ForeignChain[], string | undefined]>([
    ['none', [], undefined],
    ['one that drops all', bridge([], 'forward', true), 'the policy of chain c in table bridge t drops ARP'],
    ['one that drops other ports', bridge([[name('iifname', 'one-8-0'), DROP]]), undefined],
    [
      'one that drops what goes to our port',
      bridge([[name('oifname', 'br0b'), name('protocol', 'ip'), DROP]]),
      'rule 1 of chain c in table bridge t drops what guests send',
    ],
    [
      'one that drops answers',
      bridge([[address('saddr', '169.254.16.9'), DROP]], 'prerouting'),
      'rule 1 of chain c in table bridge t drops the answer',
    ],
    ['one on a hook that no bridged frame passes', bridge([], 'input', true), undefined],
  ])('%s', (_, chains, seen) => {
    const finding = judgePassage(WAY, { bridge: chains, ip: undefined });
    expect(finding).toMatchObject(seen === undefined ? { verdict: 'ok' } : { verdict: 'failed', seen });
  });
});

test('our own table is none of others, and rules belong to their chain', () => {
  const item = (table: string, drops: boolean) => [
    { chain: { family: 'bridge', table, name: 'c', hook: 'forward', policy: drops ? 'drop' : 'accept' } },
    { rule: { family: 'bridge', table, chain: 'c', expr: [DROP] } },
  ];
  const text = JSON.stringify({
    nftables: [{ metainfo: {} }, ...item('one_tproxy', true), ...item('x', false)],
  });
  expect(parseForeignChains(text, 'nft')).toEqual([
    { family: 'bridge', table: 'x', name: 'c', hook: 'forward', drops: false, rules: [[DROP]] },
  ]);
});
