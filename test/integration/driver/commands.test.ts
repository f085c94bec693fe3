import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DriverOptions } from '../../../src/cli/commands/concerns.ts';
import { down } from '../../../src/cli/commands/down.ts';
import { up } from '../../../src/cli/commands/up.ts';
import { TproxyError } from '../../../src/errors.ts';
import { parseOptions } from '../../../src/model/endpoint-options.ts';
import { readEndpointMaps } from '../../../src/system/nft.ts';
import { addBridge } from '../../support/network.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { type TemplateNic, templateFor } from '../../support/template.ts';
import { type BoxDeps, boxDeps, mapOf, runIn, traces } from './box-deps.ts';

const CONFIG = `
:tproxy:
- :service_port: 5030
  :remote_addr: 10.11.12.13
  :remote_port: 5030
- :service_port: 80
  :remote_addr: 10.0.0.1
  :remote_port: 8080
  :networks: [a]
`;

let box: Sandbox;
let deps: BoxDeps;
let configFile: string;
let lines: string[];

beforeEach(async () => {
  box = await Sandbox.create();
  deps = boxDeps(box);
  configFile = box.path('/run/test/OpenNebulaNetwork.conf');
  lines = [];
  writeFileSync(configFile, CONFIG);
});

afterEach(() => box.close());

const BY_HAND = { bridge: 'br0', network: 'a', networkId: '0' };

/** Runs `up` or `down` with this standard input. */
function tproxy(command: typeof up, stdin: string, byHand?: DriverOptions['byHand']): Promise<number> {
  const io = {
    out: (line: string) => lines.push(`stdout: ${line}`),
    err: (line: string) => lines.push(line),
    readStdin: async () => stdin,
  };
  const options = byHand === undefined ? { configFile } : { configFile, byHand };
  return command(options, io, (_settings, report) => ({ ...deps, report }));
}

/** VM 7 on these bridges. */
function template(...nics: TemplateNic[]): string {
  return templateFor({ vmId: 7, nics });
}

describe('hooks', () => {
  test('bring a VM up and take it down, in the words of the stock drivers', async () => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    const stdin = template({ bridge: 'br0', network: 'a' });
    expect(await tproxy(up, stdin)).toBe(0);
    expect(await tproxy(up, stdin)).toBe(0);
    expect(await tproxy(down, stdin)).toBe(0);
    expect(await tproxy(down, stdin)).toBe(0);
    expect(lines).toEqual([
      'INFO: pre: NIC 0 on br0: 169.254.16.9 answers on ports 80, 5030',
      'INFO: pre: NIC 0 on br0: 169.254.16.9 answers on ports 80, 5030, as before',
      'INFO: clean: NIC 0 on br0: the last guest has left, all of it is removed',
      'INFO: clean: NIC 0 on br0: nothing to remove',
    ]);
    expect(await traces(box)).toBe(before);
  });

  test('pass over NICs without a Linux bridge', async () => {
    await addBridge(box, 'br0');
    const stdin = template(
      { bridge: 'ovs0', vnMad: 'ovswitch', fields: { BRIDGE_TYPE: 'openvswitch' } },
      { bridge: 'br0' },
      { bridge: 'missing' },
    );
    expect(await tproxy(up, stdin)).toBe(0);
    expect(lines.map((line) => line.replace(/passed over: .*/, 'passed over'))).toEqual([
      'INFO: pre: NIC 0 passed over',
      'INFO: pre: NIC 1 on br0: 169.254.16.9 answers on port 5030',
      'INFO: pre: NIC 2 on missing: passed over',
    ]);
  });

  test('try each NIC, and fail when one of them has failed', async () => {
    await addBridge(box, 'br0');
    await addBridge(box, 'br1');
    deps.sync = async (bridge) => {
      if (bridge === 'br0') throw new TproxyError('bridge br0: its listener does not answer');
    };
    writeFileSync(configFile, `:tproxy_required: true\n${CONFIG}`);
    expect(await tproxy(up, template({ bridge: 'br0' }, { bridge: 'br1' }))).toBe(1);
    expect(lines).toEqual([
      'ERROR: pre: bridge br0: its listener does not answer',
      'ERROR: pre: NIC 0 on br0: bridge br0: its listener does not answer',
      'INFO: pre: NIC 1 on br1: 169.254.16.9 answers on port 5030',
    ]);
    expect(await box.sh('ip netns list')).toMatch(/^one_tproxy_br1\b[^\n]*\n$/);
  });

  test('handle the one NIC that is attached or detached', async () => {
    await addBridge(box, 'br0');
    await addBridge(box, 'br1');
    const attached = template({ bridge: 'br0' }, { bridge: 'br1', fields: { ATTACH: 'YES' } });
    await tproxy(up, attached);
    expect(await box.sh('ip netns list')).toMatch(/^one_tproxy_br1\b[^\n]*\n$/);
    await tproxy(up, template({ bridge: 'br0' }, { bridge: 'br1' }));
    await tproxy(down, attached);
    expect(await box.sh('ip netns list')).toMatch(/^one_tproxy_br0\b[^\n]*\n$/);
  });

  test('do nothing for an alias', async () => {
    await addBridge(box, 'br0');
    const alias = '<NIC_ALIAS><NIC_ID>1</NIC_ID><PARENT_ID>0</PARENT_ID><ATTACH>YES</ATTACH></NIC_ALIAS>';
    const xml = Buffer.from(template({ bridge: 'br0' }), 'base64')
      .toString()
      .replace('</NIC>', `</NIC>${alias}`);
    const before = await traces(box);
    expect(await tproxy(up, Buffer.from(xml).toString('base64'))).toBe(0);
    expect(await traces(box)).toBe(before);
    expect(deps.commands).toEqual([]);
  });

  test('take down a VM with two NICs on one bridge whose taps are still there', async () => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    const taps = ['one-7-0', 'one-7-1'];
    for (const tap of taps)
      await box.sh(`ip link add ${tap} type veth peer name ${tap}x; ip link set ${tap} master br0`);
    const stdin = template({ bridge: 'br0' }, { bridge: 'br0' });
    await tproxy(up, stdin);
    expect(await tproxy(down, stdin)).toBe(0);
    for (const tap of taps) await box.sh(`ip link delete ${tap}`);
    expect(await traces(box)).toBe(before);
  });

  test.each([
    ['nothing', ''],
    ['no base64', '<VM/>'],
    ['no XML', Buffer.from('hello').toString('base64')],
    ['no VM', Buffer.from('<HOST><ID>1</ID></HOST>').toString('base64')],
  ])('refuse %s as a template', async (_, stdin) => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    for (const [command, phase] of [
      [up, 'pre'],
      [down, 'clean'],
    ] as const) {
      lines.length = 0;
      expect(await tproxy(command, stdin)).toBe(1);
      expect(lines).toEqual([expect.stringMatching(new RegExp(`^ERROR: ${phase}: `))]);
    }
    expect(await traces(box)).toBe(before);
  });
});

test('options of a service are kept in nft; one that changes alone is a change', async () => {
  await addBridge(box, 'br0');
  const stdin = template({ bridge: 'br0', network: 'a' });
  const optionsOf = async () =>
    (await readEndpointMaps(runIn(box)))
      .get('br0')
      ?.map(({ servicePort, comment }) => [servicePort, parseOptions(comment)]);
  const withOptions = (rate: number) =>
    writeFileSync(configFile, `${CONFIG}  :proxy_protocol: v2\n  :limits: {:guest_rate: ${rate}}\n`);

  withOptions(7);
  expect(await tproxy(up, stdin)).toBe(0);
  expect(await optionsOf()).toEqual([
    [80, { proxyProtocol: 'v2', guestRate: 7 }],
    [5030, {}],
  ]);
  withOptions(8);
  expect(await tproxy(up, stdin)).toBe(0);
  expect(await optionsOf()).toContainEqual([80, { proxyProtocol: 'v2', guestRate: 8 }]);
  writeFileSync(configFile, CONFIG);
  expect(await tproxy(up, stdin)).toBe(0);
  expect(await optionsOf()).toEqual([
    [80, {}],
    [5030, {}],
  ]);
  const asBefore = lines.filter((line) => line.endsWith(', as before'));
  expect(asBefore).toEqual([]);
  expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:8080', 5030: '10.11.12.13:5030' });
});

describe('by hand', () => {
  test('a bridge comes up and goes down', async () => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    expect(await tproxy(up, '', BY_HAND)).toBe(0);
    expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:8080', 5030: '10.11.12.13:5030' });
    expect(await tproxy(down, '', BY_HAND)).toBe(0);
    expect(await traces(box)).toBe(before);
  });

  test('without a network as well, and down says who else is attached by hand', async () => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    expect(await tproxy(up, '', { bridge: 'br0' })).toBe(0);
    expect(await tproxy(up, '', { bridge: 'br0', network: 'a' })).toBe(0);
    expect(await tproxy(up, '', { bridge: 'br0', networkId: '7' })).toBe(0);
    lines = [];
    expect(await tproxy(down, '', { bridge: 'br0', network: 'slip' })).toBe(0);
    expect(lines[0]).toMatch(
      /^WARNING: clean: bridge br0: attached by hand are others: (?=.*without a network)(?=.*--network "a")(?=.*--network-id "7").*; name one of them$/,
    );
    expect(await tproxy(down, '', { bridge: 'br0', network: 'a' })).toBe(0);
    expect(await tproxy(down, '', { bridge: 'br0', networkId: '7' })).toBe(0);
    lines = [];
    expect(await tproxy(down, '', { bridge: 'br0' })).toBe(0);
    expect(lines).toEqual(['INFO: clean: bridge br0: the last guest has left, all of it is removed']);
    expect(await traces(box)).toBe(before);
    expect(await tproxy(down, '', { bridge: 'br0' })).toBe(0);
  });

  test.each([
    [
      'there is no such bridge',
      { ...BY_HAND, bridge: 'br9' },
      1,
      'ERROR: pre: bridge br9: there is no such bridge',
    ],
    [
      'the name is none',
      { ...BY_HAND, bridge: 'br0; reboot' },
      2,
      `ERROR: pre: --bridge "br0; reboot": not a valid bridge name; write the name of a bridge (ip link show type bridge)`,
    ],
  ])('%s', async (_, byHand, code, line) => {
    expect(await tproxy(up, '', byHand)).toBe(code);
    expect(lines).toEqual([line]);
  });
});

describe('a configuration', () => {
  const UNREADABLE = ':tproxy: [\n';

  test('with a faulty entry: it is told of and left out, the others work', async () => {
    await addBridge(box, 'br0');
    writeFileSync(
      configFile,
      `${CONFIG}- :service_port: nonsense\n  :remote_addr: 10.0.0.9\n  :remote_port: 1\n`,
    );
    expect(await tproxy(up, template({ bridge: 'br0', network: 'a' }))).toBe(0);
    expect(lines[0]).toMatch(/^ERROR: pre: .*OpenNebulaNetwork.conf:\d+:\d+: /);
    expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:8080', 5030: '10.11.12.13:5030' });
  });

  test('with a port twice: the first entry has it', async () => {
    await addBridge(box, 'br0');
    writeFileSync(configFile, `${CONFIG}- :service_port: 80\n  :remote_addr: 10.0.0.9\n  :remote_port: 1\n`);
    expect(await tproxy(up, template({ bridge: 'br0', network: 'a' }))).toBe(0);
    expect(lines.join('\n')).toMatch(/^WARNING: pre: .*80/m);
    expect(await mapOf(box, 'br0')).toMatchObject({ 80: '10.0.0.1:8080' });
  });

  test('that is missing means no services', async () => {
    await addBridge(box, 'br0');
    configFile = box.path('/run/test/no.conf');
    expect(await tproxy(up, template({ bridge: 'br0' }))).toBe(0);
    expect(lines).toEqual(['INFO: pre: NIC 0 on br0: no service for its network']);
  });

  test('that is unreadable: up changes nothing, exit code 2', async () => {
    await addBridge(box, 'br0');
    const stdin = template({ bridge: 'br0', network: 'a' });
    await tproxy(up, stdin);
    const before = await traces(box);
    writeFileSync(configFile, `:tproxy_required: true\n${UNREADABLE}`);
    expect(await tproxy(up, stdin)).toBe(2);
    expect(lines.at(-1)).toMatch(
      /^ERROR: pre: .* can't be read, nothing was changed; find out why: tproxy check$/,
    );
    expect(await traces(box)).toBe(before);
  });

  test('that is unreadable: the last guest leaves all the same', async () => {
    await addBridge(box, 'br0');
    const before = await traces(box);
    const stdin = template({ bridge: 'br0', network: 'a' });
    await tproxy(up, stdin);
    writeFileSync(configFile, UNREADABLE);
    expect(await tproxy(down, stdin)).toBe(0);
    expect(await traces(box)).toBe(before);
  });

  test('that is unreadable: with other guests on the bridge nothing that runs is changed, exit code 2', async () => {
    await addBridge(box, 'br0');
    await tproxy(up, template({ bridge: 'br0', network: 'a' }));
    await tproxy(up, templateFor({ vmId: 8, nics: [{ bridge: 'br0', network: 'b' }] }));
    writeFileSync(configFile, `:tproxy_required: true\n${UNREADABLE}`);
    expect(await tproxy(down, template({ bridge: 'br0', network: 'a' }))).toBe(2);
    expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:8080', 5030: '10.11.12.13:5030' });
    writeFileSync(configFile, CONFIG);
    await tproxy(up, templateFor({ vmId: 8, nics: [{ bridge: 'br0', network: 'b' }] }));
    expect(await mapOf(box, 'br0')).toEqual({ 5030: '10.11.12.13:5030' });
  });
});

test('a damaged record is told of and set aside; its VM counts by its port', async () => {
  await addBridge(box, 'br0');
  await tproxy(up, template({ bridge: 'br0', network: 'a' }));
  const directory = box.path('/run/one_tproxy/attachments');
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/vm-7-0.json`, '{');
  await box.sh('ip link add one-7-0 type veth peer name x; ip link set one-7-0 master br0');
  expect(await tproxy(down, templateFor({ vmId: 8, nics: [{ bridge: 'br0' }] }))).toBe(0);
  expect(lines.some((line) => /^ERROR: clean: .*vm-7-0.json: .*set aside as/.test(line))).toBe(true);
  expect(readdirSync(directory)).toEqual(['vm-7-0.json.damaged']);
  expect(await mapOf(box, 'br0')).toEqual({ 80: '10.0.0.1:8080', 5030: '10.11.12.13:5030' });
});
