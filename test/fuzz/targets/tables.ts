import { isIPv4 } from 'node:net';
import { isBridgeName } from '../../../src/model/names.ts';
import { parseIpAnswer } from '../../../src/system/ip-json.ts';
import { parseBridgeTable } from '../../../src/system/nft-bridge-table.ts';
import { parseIpTable } from '../../../src/system/nft-ip-table.ts';
import { fixture } from '../../unit/system/fixtures.ts';
import { answerOf, demand, isPort } from '../demand.ts';
import type { Target } from '../target.ts';

const NFT_WORDS = [
  '{"elem":{"val":',
  '"map"',
  '"set"',
  '"chain"',
  '"family"',
  'one_tproxy',
  'ep_br0',
  '"concat"',
  '"comment"',
  'ifname',
];

export const nftIp: Target = {
  name: 'nft-ip',
  samples: [
    fixture('nft/1.0.6/table-ip.json'),
    fixture('nft/1.1.3/table-ip.json'),
    fixture('nft/1.0.6/table-ip-strangers.json'),
  ],
  words: NFT_WORDS,
  judge(input) {
    const table = answerOf(() => parseIpTable(input, 'table', 'nft'));
    for (const [bridge, endpoints] of table?.endpointMaps ?? []) {
      demand(isBridgeName(bridge), `bridge ${bridge}`);
      for (const { servicePort, upstream, comment } of endpoints) {
        demand(isPort(servicePort) && isPort(upstream.port), `ports ${servicePort}, ${upstream.port}`);
        demand(isIPv4(upstream.address), `address ${upstream.address}`);
        demand(comment === undefined || typeof comment === 'string', 'comment');
      }
    }
    return table !== undefined;
  },
};

export const nftBridge: Target = {
  name: 'nft-bridge',
  samples: [fixture('nft/1.0.6/table-bridge.json'), fixture('nft/1.1.3/table-bridge.json')],
  words: NFT_WORDS,
  judge(input) {
    const table = answerOf(() => parseBridgeTable(input, 'table', 'nft'));
    for (const names of table?.sets.values() ?? [])
      demand(
        names.every((name) => typeof name === 'string'),
        'names',
      );
    for (const { base } of table?.chains.values() ?? []) demand(typeof base === 'string', 'base');
    return table !== undefined;
  },
};

export const ip: Target = {
  name: 'ip',
  samples: [
    fixture('ip/6.1.0/links.json'),
    fixture('ip/6.1.0/netns-plumbed.json'),
    fixture('ip/6.1.0/netns-fresh.json'),
  ],
  words: ['"ifname"', '"ifindex"', '"flags"', '"addr_info"', '"linkinfo"', '"dst"', '"mtu"', '[{}]', '"UP"'],
  judge(input) {
    const answer = answerOf(() => parseIpAnswer(input, 'ip'));
    for (const { name, index, mtu, addresses } of answer?.links ?? []) {
      demand(typeof name === 'string' && Number.isSafeInteger(index) && Number.isSafeInteger(mtu), 'link');
      demand(
        addresses.every((address) => typeof address === 'string'),
        'addresses',
      );
    }
    return answer !== undefined;
  },
};
