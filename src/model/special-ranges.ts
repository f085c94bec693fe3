/**
 * Addresses that are no host of the public internet, with the source of each. `never` stays shut whatever `:reach:` says; `private` is
 * what `:reach:` can open. A narrower range goes before a wider one.
 *
 * [A4] IANA IPv4 Special-Purpose Address Registry, [A6] IANA IPv6 Special-Purpose Address Registry, [U6] IANA IPv6 Global Unicast
 * Address Assignments.
 */

export type Kind =
  | 'loopback'
  | 'link-local'
  | 'private'
  | 'shared'
  | 'benchmark'
  | 'documentation'
  | 'multicast'
  | 'reserved'
  | 'metadata'
  | 'unspecified';

export interface SpecialRange {
  readonly range: string;
  readonly kind: Kind;
  readonly opens: 'never' | 'by-reach';
  readonly source: string;
}

type Row = readonly [range: string, kind: Kind, source: string];

const NEVER: readonly Row[] = [
  // Metadata services of clouds, which hand out credentials to whoever asks. Those in link-local and reserved ranges are told by name.
  ['169.254.169.254/32', 'metadata', 'AWS, Azure, Google, OpenStack and OpenNebula: instance metadata'],
  ['169.254.170.2/32', 'metadata', 'AWS: credentials of ECS tasks'],
  ['169.254.170.23/32', 'metadata', 'AWS: EKS Pod Identity'],
  ['169.254.42.42/32', 'metadata', 'Scaleway: instance metadata'],
  ['169.254.0.23/32', 'metadata', 'Tencent Cloud: instance metadata'],
  ['168.63.129.16/32', 'metadata', 'Azure: WireServer and DNS, a public address'],
  ['100.100.100.200/32', 'metadata', 'Alibaba Cloud: instance metadata'],
  ['192.0.0.192/32', 'metadata', 'Oracle Cloud Classic: instance metadata'],
  ['fd00:ec2::254/128', 'metadata', 'AWS: instance metadata'],
  ['fd00:ec2::23/128', 'metadata', 'AWS: EKS Pod Identity'],
  ['fd20:ce::254/128', 'metadata', 'Google: metadata of IPv6-only instances'],
  ['fd00:42::42/128', 'metadata', 'Scaleway: instance metadata'],
  ['fd00:c1::a9fe:a9fe/128', 'metadata', 'Oracle Cloud: instance metadata'],

  ['0.0.0.0/8', 'unspecified', '[A4] RFC 791, 3.2: this network'],
  ['127.0.0.0/8', 'loopback', '[A4] RFC 1122, 3.2.1.3'],
  ['169.254.0.0/16', 'link-local', '[A4] RFC 3927'],
  ['192.0.0.0/24', 'reserved', '[A4] RFC 6890: IETF protocol assignments'],
  ['192.0.2.0/24', 'documentation', '[A4] RFC 5737: TEST-NET-1'],
  ['192.52.193.0/24', 'reserved', '[A4] RFC 7450: AMT relays'],
  ['192.88.99.0/24', 'reserved', '[A4] RFC 7526: 6to4 relays, deprecated'],
  ['198.18.0.0/15', 'benchmark', '[A4] RFC 2544; our own synthetic addresses lie here'],
  ['198.51.100.0/24', 'documentation', '[A4] RFC 5737: TEST-NET-2'],
  ['203.0.113.0/24', 'documentation', '[A4] RFC 5737: TEST-NET-3'],
  ['224.0.0.0/4', 'multicast', 'RFC 5771'],
  ['240.0.0.0/4', 'reserved', '[A4] RFC 1112, 4; 255.255.255.255 is the broadcast address (RFC 8190)'],

  ['::/128', 'unspecified', '[A6] RFC 4291, 2.5.2'],
  ['::1/128', 'loopback', '[A6] RFC 4291, 2.5.3'],
  [
    '64:ff9b:1::/48',
    'reserved',
    '[A6] RFC 8215: NAT64 of a site, whose length of prefix only the site knows',
  ],
  ['fe80::/10', 'link-local', '[A6] RFC 4291, 2.5.6'],
  ['fec0::/10', 'link-local', 'RFC 3879: site-local, deprecated'],
  ['ff00::/8', 'multicast', 'RFC 4291, 2.7'],
  [
    '2001::/23',
    'reserved',
    '[A6] RFC 2928: IETF protocol assignments; Teredo, ORCHID and benchmarks are in it',
  ],
  ['2001:db8::/32', 'documentation', '[A6] RFC 3849'],
  ['3fff::/20', 'documentation', '[A6] RFC 9637'],
];

const BY_REACH: readonly Row[] = [
  ['10.0.0.0/8', 'private', '[A4] RFC 1918'],
  ['172.16.0.0/12', 'private', '[A4] RFC 1918'],
  ['192.168.0.0/16', 'private', '[A4] RFC 1918'],
  ['100.64.0.0/10', 'shared', '[A4] RFC 6598: carrier-grade NAT'],
  ['fc00::/7', 'private', '[A6] RFC 4193: unique local'],
];

/** IPv6 outside of what is given out, after all rows above: what is not known is shut. */
export const GLOBAL_IPV6 = { range: '2000::/3', source: '[U6] RFC 4291, 2.4' } as const;
/** The one range outside of `GLOBAL_IPV6` that leads to the public internet, judged by the IPv4 address in it. */
export const NAT64_IPV6 = { range: '64:ff9b::/96', source: '[A6] RFC 6052' } as const;

export const SPECIAL_RANGES: readonly SpecialRange[] = [
  ...NEVER.map(([range, kind, source]) => ({ range, kind, source, opens: 'never' }) as const),
  ...BY_REACH.map(([range, kind, source]) => ({ range, kind, source, opens: 'by-reach' }) as const),
];
