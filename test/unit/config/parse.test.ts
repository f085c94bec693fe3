import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import { DEFAULT_POLICING } from '../../../src/model/limits.ts';
import { DEFAULT_SETTINGS } from '../../../src/model/settings.ts';

const CONTRACT = `
:tproxy_debug_level: 2          # 0 = ERROR, 1 = WARNING, 2 = INFO, 3 = DEBUG
:tproxy:
# OneGate service.
- :service_port: 5030
  :remote_addr: 10.11.12.13     # IPv4 address or a host name
  :remote_port: 5030
# Custom service, for some networks only.
- :service_port: 1234
  :remote_addr: 10.11.12.34
  :remote_port: 1234
  :networks: [vnet_name_or_id]
`;

const CONTRACT_SERVICES = [
  { servicePort: 5030, remoteAddr: '10.11.12.13', remotePort: 5030, networks: [], line: 5 },
  { servicePort: 1234, remoteAddr: '10.11.12.34', remotePort: 1234, networks: ['vnet_name_or_id'], line: 9 },
];

describe('what is right', () => {
  it.each([
    ['symbol keys', CONTRACT],
    ['plain keys', CONTRACT.replaceAll(/(^|[ -])( *):([a-z])/gm, '$1$2$3')],
    ['quoted symbol keys', CONTRACT.replaceAll(/:(\w+):/g, '":$1":')],
    ['Windows line ends', CONTRACT.replaceAll('\n', '\r\n')],
    ['a document marker in place of the first line', `---${CONTRACT}`],
    ['a byte order mark', `\uFEFF${CONTRACT}`],
    ['ports in quotes', CONTRACT.replaceAll(/_port: (\d+)/g, '_port: "$1"')],
  ])('reads the example of the contract with %s', (_what, text) => {
    expect(parseConfig(text)).toEqual({
      config: {
        settings: DEFAULT_SETTINGS,
        services: CONTRACT_SERVICES,
        policing: DEFAULT_POLICING,
        required: false,
      },
      problems: [],
      readable: true,
    });
  });

  it.each([
    ['nothing', ''],
    ['comments only', '# nothing\n'],
    ['other drivers only', ':vlan_mtu: 1500\n'],
    ['tproxy without a value', ':tproxy:\n'],
    ['an empty list', ':tproxy: []\n'],
    ['settings without a value', ':tproxy_debug_level:\n:tproxy_process_owner: ~\n'],
  ])('finds no service and no problem in %s', (_what, text) => {
    expect(parseConfig(text)).toEqual({
      config: { settings: DEFAULT_SETTINGS, services: [], policing: DEFAULT_POLICING, required: false },
      problems: [],
      readable: true,
    });
  });

  it.each([
    ['a bare symbol key', ':ip_link_conf:\n    :nolearning:\n    :tos: 3\n'],
    ['symbols as values', ':vxlan_mode: :evpn\n'],
    ['a key that stands twice', ':vlan_mtu: 1500\n:vlan_mtu: 9000\n'],
    ['an unknown tag', ':x: !ruby/object:Thing {a: 1}\n'],
    ['an alias of nothing', ':x: [*nowhere]\n'],
    ['keys that are no text', '? [a, b]\n: 1\n2: 3\n'],
    ['a key that only looks like ours', ':transparent_tproxy: 1\n'],
  ])('leaves other drivers alone: %s', (_what, text) => {
    expect(parseConfig(text + CONTRACT.trimStart())).toMatchObject({
      config: { services: [{ servicePort: 5030 }, { servicePort: 1234 }] },
      problems: [],
    });
  });

  it('reads every setting', () => {
    const text = `
:tproxy_debug_level: 3
tproxy_drain_timeout: 0
:tproxy_linger_timeout: "7"
:tproxy_connect_timeout: 1
:tproxy_keepalive: 0
:tproxy_idle_timeout: 604800
:tproxy_workers: 4
:tproxy_process_owner: one-admin
:tproxy_limits: {:guest_connections: 1, :port_rate: 300, :port_bandwidth: 400}
`;
    expect(parseConfig(text)).toEqual({
      config: {
        settings: {
          debugLevel: 3,
          drainTimeoutS: 0,
          lingerTimeoutS: 7,
          connectTimeoutS: 1,
          keepaliveS: 0,
          idleTimeoutS: 604_800,
          workers: 4,
          processOwner: 'one-admin',
          limits: { guestConnections: 1 },
        },
        policing: { portRate: 300, portBandwidth: 400 },
        required: false,
        services: [],
      },
      problems: [],
      readable: true,
    });
  });
});

describe('networks', () => {
  it.each([
    ['~', []],
    ['[]', []],
    ['lan', ['lan']],
    ['7', ['7']],
    ['"7"', ['7']],
    ['[lan, 7, "8"]', ['lan', '7', '8']],
    ['[lan, lan]', ['lan']],
    ['[007, 1e3, 1.50, 0x10, 12345678901234567890]', ['007', '1e3', '1.50', '0x10', '12345678901234567890']],
    ['[:lan, :"two words", ":quoted", "a b"]', ['lan', 'two words', ':quoted', 'a b']],
    ['["a, b", c]', ['a, b', 'c']],
    ['["true", "null", yes]', ['true', 'null', 'yes']],
  ])('%s is %j', (written, networks) => {
    const text = `:tproxy:\n- {:service_port: 1, :remote_addr: a, :remote_port: 1, :networks: ${written}}\n`;
    expect(parseConfig(text)).toMatchObject({ config: { services: [{ networks }] }, problems: [] });
  });
});

describe('anchors, aliases and merge keys', () => {
  it('work in entries and settings', () => {
    const text = `
:base: &base
  :remote_addr: 10.0.0.1
  :remote_port: &port 80
:nets: &nets [a, b]
:tproxy:
- <<: *base
  :service_port: *port
  :networks: *nets
- <<: [*base, {service_port: 81, remote_port: 1}]
  remote_addr: 10.0.0.2
`;
    expect(parseConfig(text)).toMatchObject({
      config: {
        services: [
          { servicePort: 80, remoteAddr: '10.0.0.1', remotePort: 80, networks: ['a', 'b'], line: 7 },
          { servicePort: 81, remoteAddr: '10.0.0.2', remotePort: 80, networks: [], line: 10 },
        ],
      },
      problems: [],
    });
  });

  it('take the anchor that stands last above them', () => {
    const entry = (port: string) => `{service_port: ${port}, remote_addr: a, remote_port: 1}`;
    const text = `:x: [&p 1, &p 2]\n:tproxy: [${entry('*p')}]\n:y: &p 3\n`;
    expect(parseConfig(text).config.services).toMatchObject([{ servicePort: 2 }]);
  });
});
