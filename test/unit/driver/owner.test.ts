import { describe, expect, test } from 'vitest';
import { planBridge } from '../../../src/driver/plan/plan.ts';
import { MAC, ONEGATE, PORT_MAC, plumbed, TAPS } from './facts.ts';

const desired = {
  endpoints: [ONEGATE],
  mac: MAC,
  portMac: PORT_MAC,
  arpForm: 'port-set',
  taps: TAPS,
  policing: undefined,
  lacks: new Set<string>(),
} as const;
const BARE_NFT = { endpoints: undefined, chain: 'missing' } as const;
const STRANGE = { mac: '0a:00:00:00:00:01', pinned: [] };
const IN_ROOT = { ...STRANGE, peerIndex: undefined };

describe('a veth of the name of our port', () => {
  test.each<[string, Parameters<typeof plumbed>[0]]>([
    [
      'with br0a beside it, as a stock driver that broke off leaves it',
      { port: { ...IN_ROOT, peer: 'br0a' } },
    ],
    ['with the MAC that we give', { port: { peerIndex: 99 }, nft: BARE_NFT }],
    [
      'with a MAC pinned to it',
      { port: { ...STRANGE, peerIndex: 99, pinned: [{ mac: MAC, vlan: undefined }] }, nft: BARE_NFT },
    ],
    ['in a bridge that a stock driver has plumbed', { port: { ...STRANGE, peerIndex: 99 } }],
  ])('is ours and made anew: %s', (_, change) => {
    const steps = planBridge(plumbed(change), desired).map((step) => step.do);
    expect(steps).toContain('delete-veth');
    const removal = planBridge(plumbed(change), { ...desired, endpoints: [] }).map((step) => step.do);
    expect(removal).toContain('delete-veth');
  });

  test.each<[string, Parameters<typeof plumbed>[0], string]>([
    ['its other end is named otherwise', { port: { ...IN_ROOT, peer: 'br0x' } }, 'is br0x'],
    [
      'its other end is somewhere, and nobody has plumbed the bridge',
      { port: { ...STRANGE, peerIndex: 99 }, netns: { is: 'missing' }, nft: BARE_NFT },
      'is not br0a in netns one_tproxy_br0',
    ],
    [
      'it is no port of the bridge',
      { port: { ...STRANGE, peerIndex: 99, master: undefined }, netns: { is: 'missing' } },
      'is not br0a in netns one_tproxy_br0',
    ],
  ])("is a stranger's and stays: %s", (_, change, words) => {
    const facts = plumbed(change);
    expect(() => planBridge(facts, desired)).toThrow(
      `bridge br0: br0b is taken by a veth whose other end ${words}; rename or delete`,
    );
    const removal = planBridge(facts, { ...desired, endpoints: [] }).map((step) => step.do);
    expect(removal).not.toContain('delete-veth');
  });
});
