import { describe, expect, it } from 'vitest';
import { parseTemplate } from '../../../src/vm/parse-template.ts';
import { encode, fixture } from './encode.ts';

const parseFixture = (name: string) => parseTemplate(encode(fixture(name)));

describe('a VM that is deployed', () => {
  const template = parseFixture('6.10-deploy.xml');

  it('has its id and name, and no NIC that is being attached', () => {
    expect(template).toMatchObject({ vmId: '7', vmName: 'web & <db>-7', aliasAttach: false });
    expect(template).not.toHaveProperty('attachNicId');
  });

  it('has its NICs on Linux bridges', () => {
    expect(template.nics).toEqual([
      {
        vmId: '7',
        nicId: '0',
        bridge: 'br0',
        network: 'admin & friends',
        networkId: '0',
        vnMad: 'bridge',
        mac: '02:00:ac:14:00:05',
        target: 'one-7-0',
      },
      {
        vmId: '7',
        nicId: '1',
        bridge: 'onebr4.1234',
        network: 'vlan-1234',
        networkId: '4',
        vnMad: '802.1Q',
        mac: '02:00:ac:14:01:05',
        phydev: 'eth0',
        vlanDevice: 'eth0.1234',
        target: 'one-7-1',
      },
      {
        vmId: '7',
        nicId: '2',
        bridge: 'br-lan',
        network: 'vxlan',
        networkId: '5',
        vnMad: 'vxlan',
        mac: '02:00:ac:14:02:05',
        phydev: 'bond0',
        vlanDevice: 'bond0.77',
        target: 'one-7-2',
      },
      {
        vmId: '7',
        nicId: '3',
        bridge: 'onebr7',
        network: 'fw',
        networkId: '7',
        vnMad: 'fw',
        mac: '02:00:ac:14:03:05',
        phydev: 'eth1',
        target: 'one-7-3',
      },
      {
        vmId: '7',
        nicId: '5',
        bridge: 'elastic0',
        network: 'elastic',
        networkId: '9',
        vnMad: 'elastic',
        mac: '02:00:ac:14:05:05',
        target: 'one-7-5',
      },
    ]);
  });

  it('has the others passed over with a reason', () => {
    expect(template.skipped).toEqual([
      { nicId: '4', vnMad: 'ovswitch', level: 'info', reason: 'the driver ovswitch has no Linux bridge' },
    ]);
  });
});

describe('what is being attached', () => {
  it.each([
    ['6.10-attach-nic.xml', { aliasAttach: false, attachNicId: '1' }, ['0', '1', '2']],
    ['6.10-attach-alias.xml', { aliasAttach: true }, ['0']],
    ['6.10-attach-pci.xml', { aliasAttach: false, attachNicId: '1' }, ['0']],
  ])('in %s', (name, expected, nicIds) => {
    const template = parseFixture(name);
    expect(template).toMatchObject(expected);
    expect('attachNicId' in template).toBe('attachNicId' in expected);
    expect(template.nics.map((nic) => nic.nicId)).toEqual(nicIds);
  });
});

it('passes PCI NICs over, and does not take a GPU for a NIC', () => {
  expect(parseFixture('6.10-pci.xml')).toMatchObject({
    nics: [{ nicId: '0', bridge: 'br0' }],
    skipped: [
      { nicId: '1', vnMad: '802.1Q', level: 'info', reason: 'PCI passthrough, it has no port on a bridge' },
    ],
  });
});

describe('odd fields', () => {
  const template = parseFixture('6.10-odd.xml');

  it('of NICs: the first of several counts, what is missing, empty or impossible is left out', () => {
    expect(template.nics).toEqual([
      { vmId: '11', nicId: '0', bridge: 'br0', network: 'first', vnMad: 'fw' },
      { vmId: '11', nicId: '1', bridge: 'onebr007', networkId: '007', vnMad: '802.1Q' },
      { vmId: '11', nicId: '2', bridge: 'exactly15bytes_', vnMad: 'vxlan', phydev: 'enp129s0f1np1' },
      { vmId: '11', nicId: '9', bridge: 'br10' },
    ]);
  });

  it('that make a NIC unusable have it passed over', () => {
    const correct = 'is not a valid bridge name; correct the virtual network';
    expect(template.skipped).toEqual([
      { nicId: '3', vnMad: 'bridge', level: 'info', reason: 'bridge type none is not linux' },
      { nicId: '4', vnMad: 'dummy', level: 'info', reason: 'it has no BRIDGE' },
      { nicId: '5', vnMad: 'bridge', level: 'error', reason: `BRIDGE "sixteen_bytes_xx" ${correct}` },
      { nicId: '6', vnMad: 'bridge', level: 'error', reason: `BRIDGE "br0; reboot" ${correct}` },
      { nicId: '../7', vnMad: 'bridge', level: 'error', reason: 'it has no numeric NIC_ID' },
      { nicId: '8', vnMad: 'custom', level: 'info', reason: 'bridge type openvswitch_dpdk is not linux' },
    ]);
  });
});

describe('the bridge type', () => {
  const nic = (fields: string) =>
    parseTemplate(
      encode(
        `<VM><ID>1</ID><TEMPLATE><NIC><NIC_ID>0</NIC_ID><BRIDGE>br0</BRIDGE>${fields}</NIC></TEMPLATE></VM>`,
      ),
    );

  it.each([
    ['', true],
    ['<VN_MAD>bridge</VN_MAD>', true],
    ['<VN_MAD>dummy</VN_MAD><BRIDGE_TYPE>linux</BRIDGE_TYPE>', true],
    ['<VN_MAD>ebtables</VN_MAD>', true],
    ['<VN_MAD>nodeport</VN_MAD><BRIDGE_TYPE>linux</BRIDGE_TYPE>', true],
    ['<VN_MAD>ovswitch</VN_MAD>', false],
    ['<VN_MAD>ovswitch_vxlan</VN_MAD><BRIDGE_TYPE>linux</BRIDGE_TYPE>', false],
    ['<VN_MAD>elastic</VN_MAD><BRIDGE_TYPE>linux</BRIDGE_TYPE>', true],
    ['<BRIDGE_TYPE>openvswitch</BRIDGE_TYPE>', false],
    ['<BRIDGE_TYPE>openvswitch_dpdk</BRIDGE_TYPE>', false],
    ['<BRIDGE_TYPE>vcenter_port_groups</BRIDGE_TYPE>', false],
    ['<BRIDGE_TYPE>none</BRIDGE_TYPE>', false],
  ])('with %s: %s', (fields, usable) => {
    const { nics, skipped } = nic(fields);
    expect({ nics: nics.length, skipped: skipped.length }).toEqual({
      nics: usable ? 1 : 0,
      skipped: usable ? 0 : 1,
    });
  });
});

describe('forms of the same template', () => {
  const xml = fixture('6.10-deploy.xml');
  const expected = parseTemplate(encode(xml));

  it.each([
    ['base64 on one line', Buffer.from(xml).toString('base64')],
    ['base64 without padding', Buffer.from(`${xml} `).toString('base64').replaceAll('=', '')],
    ['Windows line ends in base64', encode(xml).replaceAll('\n', '\r\n')],
    ['Windows line ends in XML', encode(xml.replaceAll('\n', '\r\n'))],
    ['no XML declaration', encode(xml.slice(xml.indexOf('<VM>')))],
    ['a byte order mark', encode(`\uFEFF${xml}`)],
    ['no blanks between elements', encode(xml.replaceAll(/>\s+</g, '><'))],
    ['comments', encode(xml.replaceAll('<NIC>', '<!-- <NIC> --><NIC>'))],
    [
      'escapes instead of CDATA',
      encode(xml.replaceAll('<![CDATA[admin & friends]]>', 'admin &#38; &#x66;riends')),
    ],
    ['CDATA in two pieces', encode(xml.replaceAll('[admin & friends]', '[admin ]]><![CDATA[& friends]'))],
    ['attributes', encode(xml.replaceAll('<NIC>', '<NIC x="<!DOCTYPE>">').replaceAll('<!DOCTYPE>', '1'))],
  ])('%s', (_what, text) => {
    expect(parseTemplate(text)).toEqual(expected);
  });
});

describe('what the Ruby shim writes', () => {
  it.each([
    { word: 'YES', nic: { lastGuest: true } },
    { word: 'NO', nic: {} },
  ])('LAST_GUEST $word', ({ word, nic }) => {
    const fields = `<LAST_GUEST>${word}</LAST_GUEST><BRIDGE>br0</BRIDGE><NIC_ID>1</NIC_ID><TARGET>one-7-1</TARGET>`;
    const xml = `<VM><ID>7</ID><TEMPLATE><NIC>${fields}</NIC></TEMPLATE></VM>`;
    expect(parseTemplate(encode(xml)).nics).toEqual([
      { vmId: '7', nicId: '1', bridge: 'br0', target: 'one-7-1', ...nic },
    ]);
  });
});
