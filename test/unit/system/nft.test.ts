import { describe, expect, test } from 'vitest';
import { CommandError, MissingToolError, PermissionError } from '../../../src/errors.ts';
import { UnreadableAnswerError } from '../../../src/system/json.ts';
import { applyNft, readEndpointMaps, readObjects, readTables } from '../../../src/system/nft.ts';
import type { Run } from '../../../src/system/run.ts';
import { answering, failure, fixture } from './fixtures.ts';

const LIST_IP = 'nft -j list table ip one_tproxy';
const LIST_BRIDGE = 'nft -j list table bridge one_tproxy';
const MISSING = failure('nft/1.0.6/list-missing-table.stderr');

test('endpoint maps as nft 1.1.3 (Debian 13) prints them', async () => {
  const maps = await readEndpointMaps(answering({ [LIST_IP]: fixture('nft/1.1.3/table-ip.json') }));
  expect([...maps]).toEqual([
    [
      'br0',
      [
        { servicePort: 5030, upstream: { address: '10.11.12.13', port: 8080 } },
        { servicePort: 5031, upstream: { address: '10.11.12.13', port: 8081 }, comment: 'proxy=v2' },
      ],
    ],
    ['br1', []],
  ]);
});

describe('endpoint maps', () => {
  test('are read with their comments, bridges without an endpoint included', async () => {
    const maps = await readEndpointMaps(answering({ [LIST_IP]: fixture('nft/1.0.6/table-ip.json') }));
    expect(maps).toEqual(
      new Map([
        [
          'br0',
          [
            { servicePort: 1234, upstream: { address: '10.11.12.34', port: 1234 } },
            { servicePort: 5030, upstream: { address: '10.11.12.13', port: 5030 }, comment: 'proxy=v2' },
          ],
        ],
        ['br-lan.12', [{ servicePort: 80, upstream: { address: '10.11.12.35', port: 8080 } }]],
        ['br1', []],
      ]),
    );
  });

  test('are none when there is no table', async () => {
    expect(await readEndpointMaps(answering({ [LIST_IP]: MISSING }))).toEqual(new Map());
  });

  test('leave what is not ours in the table alone', async () => {
    const run = answering({
      [LIST_IP]: fixture('nft/1.0.6/table-ip-strangers.json'),
      [LIST_BRIDGE]: MISSING,
    });
    expect(await readTables(run)).toEqual({
      ip: { endpointMaps: new Map(), others: ['mine', 's', 'c'] },
      bridge: undefined,
    });
  });

  const table = (elements: string) =>
    `{"nftables":[{"table":{"family":"ip","name":"one_tproxy"}},{"map":{"family":"ip","name":"ep_br0",` +
    `"table":"one_tproxy","type":"inet_service","map":"ipv4_addr . inet_service","elem":${elements}}}]}`;

  test.each([
    ['no text', ''],
    ['no JSON', 'table ip one_tproxy {'],
    ['half an answer', fixture('nft/1.0.6/table-ip.json').slice(0, 500)],
    ['JSON of something else', '{"hello":1}'],
    ['a list', '[]'],
    ['no objects', '{"nftables":{}}'],
    ['another table', fixture('nft/1.0.6/table-bridge.json')],
    ['no table at all', '{"nftables":[{"metainfo":{"version":"1.0.6"}}]}'],
    ['a map of another type', fixture('nft/1.0.6/table-ip-other-type.json')],
    ['elements that are no list', table('{}')],
    ['an element without upstream', table('[[80]]')],
    ['an upstream that is no concatenation', table('[[80,"10.0.0.1"]]')],
    ['an upstream of one part', table('[[80,{"concat":["10.0.0.1"]}]]')],
    ['an address that is none', table('[[80,{"concat":["fe80::1",80]}]]')],
    ['a range of ports', table('[[{"range":[80,90]},{"concat":["10.0.0.1",80]}]]')],
    ['a port by name', table('[["http",{"concat":["10.0.0.1",80]}]]')],
    ['a port beyond all ports', table('[[80,{"concat":["10.0.0.1",65536]}]]')],
    ['a fraction of a port', table('[[80.5,{"concat":["10.0.0.1",80]}]]')],
    ['a comment that is no text', table('[[{"elem":{"val":80,"comment":7}},{"concat":["10.0.0.1",80]}]]')],
  ])('unreadable is not empty: %s', async (_, answer) => {
    await expect(readEndpointMaps(answering({ [LIST_IP]: answer }))).rejects.toThrow(UnreadableAnswerError);
  });

  test.each([
    [
      'a broken installation',
      new CommandError('x', {
        command: 'nft',
        status: 127,
        stderr:
          'nft: error while loading shared libraries: libnftables.so.1: cannot open shared object file: No such file or directory',
      }),
    ],
    [
      'a timeout',
      new CommandError('nft: no answer within 10 s', {
        command: 'nft',
        stderr: 'Error: No such file or directory',
      }),
    ],
    [
      'a netlink failure',
      new CommandError('x', {
        command: 'nft',
        status: 1,
        stderr: 'netlink: Error: cache initialization failed: No such file or directory',
      }),
    ],
    ['nft is not installed', new MissingToolError('nft', 'install the package nftables')],
  ])('unreadable is not empty: %s', async (_, error) => {
    await expect(readEndpointMaps(answering({ [LIST_IP]: error }))).rejects.toBe(error);
  });

  test('a user who may not look is told to be root', async () => {
    const run = answering({ [LIST_IP]: failure('nft/1.0.6/list-unprivileged.stderr') });
    await expect(readEndpointMaps(run)).rejects.toThrow(PermissionError);
  });
});

describe('the bridge table', () => {
  const CHAINS = new Map([
    [
      'ch_br0',
      {
        base: 'filter forward -200 accept',
        rules: ['09bffaf74e63', '7b74e85c96c1'].map((digest) => ({
          comment: `one_tproxy ${digest}`,
          ibrname: false,
          sets: ['veth_ports'],
        })),
      },
    ],
    ['ch_br1', { base: 'filter forward -200 accept', rules: [{ ibrname: false, sets: [] }] }],
    ['ch_br2', { base: '', rules: [] }],
  ]);

  test('is read with chains, rules and sets of ports', async () => {
    const run = answering({ [LIST_IP]: MISSING, [LIST_BRIDGE]: fixture('nft/1.0.6/table-bridge.json') });
    expect(await readTables(run)).toEqual({
      ip: undefined,
      bridge: {
        chains: CHAINS,
        sets: new Map([['veth_ports', ['br0b', 'br1b']]]),
        macMaps: new Map(),
        others: [],
      },
    });
  });

  test('shows rules that use meta ibrname', async () => {
    const text = fixture('nft/1.0.6/table-bridge-ibrname.by-hand.json');
    const { bridge } = await readTables(answering({ [LIST_IP]: MISSING, [LIST_BRIDGE]: text }));
    expect(bridge?.chains.get('ch_br0')?.rules).toEqual([{ ibrname: true, sets: [] }]);
  });
});

describe('single objects', () => {
  const names = {
    endpoints: 'ep_br0',
    chains: ['ch_br0', 'nearest'],
    sets: ['veth_ports'],
    macMaps: ['tap_macs'],
  };
  const MAP = 'nft -j list map ip one_tproxy ep_br0';
  const CHAIN = 'nft -j list chain bridge one_tproxy ch_br0';
  const REDIRECT = 'nft -j list chain bridge one_tproxy nearest';
  const SET = 'nft -j list set bridge one_tproxy veth_ports';
  const TAPS = 'nft -j list map bridge one_tproxy tap_macs';
  const NOTHING = { [MAP]: MISSING, [CHAIN]: MISSING, [REDIRECT]: MISSING, [SET]: MISSING, [TAPS]: MISSING };

  test('are read as tables with nothing else in them', async () => {
    const run = answering({
      [MAP]: fixture('nft/1.0.6/map.json'),
      [CHAIN]: fixture('nft/1.0.6/chain.json'),
      [REDIRECT]: fixture('nft/1.0.6/chain-nearest.json'),
      [SET]: fixture('nft/1.0.6/set.json'),
      [TAPS]: fixture('nft/1.0.6/map-taps.json'),
    });
    const { ip, bridge } = await readObjects(run, names);
    expect([...(ip?.endpointMaps.keys() ?? [])]).toEqual(['br0']);
    expect([...(bridge?.chains.keys() ?? [])]).toEqual(['ch_br0', 'nearest']);
    expect(bridge?.sets).toEqual(new Map([['veth_ports', ['br0b', 'br1b']]]));
    expect(bridge?.macMaps).toEqual(
      new Map([
        [
          'tap_macs',
          new Map([
            ['one-7-0', '02:00:00:00:00:01'],
            ['one-8-0', '02:00:00:00:00:02'],
          ]),
        ],
      ]),
    );
  });

  test('that are missing are missing', async () => {
    expect(await readObjects(answering(NOTHING), names)).toEqual({ ip: undefined, bridge: undefined });
  });

  test('must be the ones that were asked for', async () => {
    const run = answering({ ...NOTHING, [MAP]: fixture('nft/1.0.6/set.json') });
    await expect(readObjects(run, names)).rejects.toThrow(UnreadableAnswerError);
  });
});

describe('applying', () => {
  test('hands the text to one nft', async () => {
    const calls: unknown[] = [];
    const run: Run = async (...call) => {
      calls.push(call);
      return { stdout: '', stderr: '' };
    };
    await applyNft(run, 'add table ip one_tproxy\n');
    expect(calls).toEqual([['nft', ['-f', '-'], { input: 'add table ip one_tproxy\n', inputFrom: 'file' }]]);
  });

  test.each([
    ['add-unprivileged', /run as root/],
    ['ibrname-unsupported', /the kernel lacks what nft asked for/],
    ['syntax', /syntax error/],
  ])('explains %s', async (name, message) => {
    const run = answering({ 'nft -f -': failure(`nft/1.0.6/${name}.stderr`) });
    await expect(applyNft(run, 'x')).rejects.toThrow(message);
  });
});
