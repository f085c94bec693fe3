import { describe, expect, it } from 'vitest';
import { egressSettings } from '../../../../src/config/egress/settings.ts';
import { SYMBOL_KEYS } from '../../../../src/config/reader/key-style.ts';
import { readKeys } from '../../../../src/config/reader/keys.ts';
import { formatProblem } from '../../../../src/config/reader/problem.ts';
import { readFile } from '../../../../src/config/reader/read-yaml.ts';
import { optional } from '../../../../src/config/reader/schema.ts';
import { DEFAULT_EGRESS } from '../../../../src/model/egress-settings.ts';

const KEYS = { egress: optional('tproxy_egress', egressSettings, { meaning: '' }) } as const;

function read(text: string) {
  const answer = readFile(text, { style: SYMBOL_KEYS, example: '' }, ({ fields, place, source }) =>
    readKeys(fields, KEYS, place, source),
  );
  if (!answer.readable) throw new Error('broken YAML');
  return {
    egress: answer.value.fields?.egress,
    problems: answer.value.problems.map((problem) => formatProblem(problem, 'f')),
  };
}

describe(':tproxy_egress:', () => {
  it('reads the example of the contract', () => {
    const text = `:tproxy_egress:
  :service_port: 3128              # the explicit proxy, at 169.254.16.9:3128
  :networks: [isolated, 42]        # as for services; missing or empty: every network
  :capture: true                   # also take what is sent to any other address (default false)
  :nameservers: [10.0.0.53]        # who resolves names for the gateway
  :reach: [10.11.0.0/16]           # ranges outside of the public internet that a name may lead to
  :deny_status: 403                # what a denied HTTP request gets, 400 to 599
  :upstream_ca: /etc/one_tproxy/corporate.pem   # trusted besides the system's roots
  :workers: 1                      # gateway processes
`;
    expect(read(text)).toEqual({
      egress: {
        servicePort: 3128,
        networks: ['isolated', '42'],
        capture: true,
        nameservers: ['10.0.0.53'],
        reach: ['10.11.0.0/16'],
        denyStatus: 403,
        upstreamCa: '/etc/one_tproxy/corporate.pem',
        workers: 1,
      },
      problems: [],
    });
  });

  it.each([
    ['', undefined],
    [':tproxy_egress:', undefined],
    [':tproxy_egress: {}', {}],
    ['tproxy_egress: {networks: ~, nameservers: [], reach: ~, upstream_ca: ~}', {}],
    [':tproxy_egress: {capture: false, networks: lan}', { networks: ['lan'] }],
    [
      'tproxy_egress: {deny_status: 599, service_port: "65535", workers: 64}',
      { denyStatus: 599, servicePort: 65_535, workers: 64 },
    ],
    [
      'tproxy_egress: {nameservers: [127.0.0.53, "FD00::53", fd00::53]}',
      { nameservers: ['127.0.0.53', 'fd00::53'] },
    ],
    ['tproxy_egress: {nameservers: 10.0.0.53}', { nameservers: ['10.0.0.53'] }],
    [
      'tproxy_egress: {reach: [10.0.0.1, fd00::/8, 0.0.0.0/0]}',
      { reach: ['10.0.0.1/32', 'fd00::/8', '0.0.0.0/0'] },
    ],
  ])('%s', (text, changed) => {
    const egress = changed === undefined ? undefined : { ...DEFAULT_EGRESS, ...changed };
    expect(read(text)).toEqual({ egress, problems: [] });
  });

  it.each([
    ['7', ':tproxy_egress: is "7" and no mapping', 'write :service_port:, :networks:, :capture:'],
    ['true', ':tproxy_egress: is true and no mapping', 'none of them is needed'],
    ['{network: [a]}', 'unknown key ":network:" of :tproxy_egress:', 'did you mean :networks:?'],
    ['{capture: true, capture: true}', ':capture: of :tproxy_egress: stands twice', 'keep one'],
    [
      '{service_port: 0}',
      ':service_port: of :tproxy_egress: is "0", which is no TCP port',
      'from 1 to 65535',
    ],
    ['{networks: "a, b"}', ':networks: of :tproxy_egress: is "a, b", which is the name of one', '[a, b]'],
    ['{capture: yes}', ':capture: of :tproxy_egress: is "yes"', 'write true or false'],
    ['{capture: 1}', ':capture: of :tproxy_egress: is "1"', 'write true or false'],
    [
      '{nameservers: [ns.example]}',
      'has an item that is "ns.example", which is no IP address',
      'write an address',
    ],
    ['{nameservers: 10.0.0.53:53}', 'is "10.0.0.53:53", which is no IP address', 'write an address'],
    ['{nameservers: [fe80::1%eth0]}', 'which is no IP address', 'write an address'],
    ['{nameservers: [169.254.16.9]}', 'the address that guests dial', 'write an address'],
    ['{nameservers: [0.0.0.0]}', 'which means "no address"', 'write an address'],
    ['{nameservers: ["::"]}', 'which means "no address"', 'write an address'],
    ['{nameservers: [ff02::1]}', 'a multicast address', 'write an address'],
    ['{nameservers: [[a]]}', 'has an item that is a list', 'write an address'],
    ['{nameservers: {a: 1}}', ':nameservers: of :tproxy_egress: is a mapping', 'write an address'],
    ['{reach: [a.example]}', 'is "a.example", which is no range of addresses', 'such as 10.11.0.0/16'],
    ['{reach: [10.11.0.1/16]}', 'which has bits set after its first 16', 'write the first address'],
    ['{reach: [fd00::1/8]}', 'which has bits set after its first 8', 'write the first address'],
    ['{reach: [10.0.0.0/33]}', 'whose prefix is no number from 0 to 32', 'such as 10.11.0.0/16'],
    ['{reach: ["fd00::/129"]}', 'whose prefix is no number from 0 to 128', 'such as 10.11.0.0/16'],
    ['{reach: [10.0.0.0/]}', 'whose prefix is no number from 0 to 32', 'such as 10.11.0.0/16'],
    ['{reach: [10.0.0.0/08]}', 'whose prefix is no number from 0 to 32', 'such as 10.11.0.0/16'],
    ['{reach: [10.0.0.0/8/8]}', 'whose prefix is no number from 0 to 32', 'such as 10.11.0.0/16'],
    ['{reach: ["::ffff:10.0.0.0/104"]}', 'which is IPv4 written as IPv6', 'write the IPv4 range'],
    ['{reach: [169.254.169.254]}', 'and 169.254.0.0/16 is never reached', 'leave it out'],
    ['{reach: [127.0.0.0/8]}', 'and 127.0.0.0/8 is never reached', 'leave it out'],
    ['{reach: ["::1"]}', 'and ::1 is never reached', 'leave it out'],
    ['{deny_status: 200}', 'is "200", which is no status of an error', 'from 400 to 599'],
    ['{deny_status: 600}', 'is "600", which is no status of an error', 'from 400 to 599'],
    ['{upstream_ca: ca.pem}', 'is "ca.pem", which is no absolute path', 'write the path of a file'],
    ['{upstream_ca: /etc/}', 'is "/etc/", which is a directory', 'write the path of a file'],
    ['{upstream_ca: /etc/../ca.pem}', 'which has detours in it', 'write /ca.pem'],
    ['{upstream_ca: "/a\\nb"}', 'is "/a\\nb", which is no path', 'write the path of a file'],
    ['{upstream_ca: "-----BEGIN CERTIFICATE-----"}', 'which is a certificate', 'put it into a file'],
    ['{upstream_ca: [/a]}', 'is a list', 'write the path of a file'],
    ['{workers: 65}', 'is "65", which is no number of processes', 'from 1 to 64'],
  ])('%s is told, and nothing of it counts', (written, message, remedy) => {
    const { egress, problems } = read(`# one\n:tproxy_egress: ${written}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^f:2:\d+: error: /);
    expect(problems[0]).toContain(message);
    expect(problems[0]?.slice(problems[0].indexOf('; '))).toContain(remedy);
    expect(egress).toBeUndefined();
  });

  it('points at the line and item of each fault', () => {
    const { problems } = read(':tproxy_egress:\n  :capture: x\n  :reach:\n  - 10.0.0.0/8\n  - x\n');
    expect(problems.map((problem) => problem.split(': ', 1)[0])).toEqual(['f:2:3', 'f:5:5']);
  });
});
