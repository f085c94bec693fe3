import { describe, expect, it } from 'vitest';
import { parseTemplate } from '../../../src/vm/parse-template.ts';
import { selectNics } from '../../../src/vm/select.ts';
import { encode, fixture } from './encode.ts';

describe('selectNics', () => {
  it.each<[string, readonly string[] | undefined, readonly string[], readonly string[]]>([
    ['6.10-deploy.xml', undefined, ['0', '1', '2', '3', '5'], ['4']],
    ['6.10-deploy.xml', ['bridge'], ['0'], []],
    ['6.10-deploy.xml', ['802.1Q', 'vxlan'], ['1', '2'], []],
    ['6.10-deploy.xml', ['ovswitch'], [], ['4']],
    ['6.10-deploy.xml', [], [], []],
    ['6.10-attach-nic.xml', undefined, ['1'], []],
    ['6.10-attach-nic.xml', ['802.1Q'], ['1'], []],
    ['6.10-attach-nic.xml', ['bridge'], [], []],
    ['6.10-attach-alias.xml', undefined, [], []],
    ['6.10-attach-alias.xml', ['bridge'], [], []],
    ['6.10-pci.xml', undefined, ['0'], ['1']],
    ['6.10-pci.xml', ['bridge'], ['0'], []],
    ['6.10-attach-pci.xml', undefined, [], ['1']],
    ['6.10-attach-pci.xml', ['802.1Q'], [], ['1']],
    ['6.10-odd.xml', undefined, ['0', '1', '2', '9'], ['3', '4', '5', '6', '../7', '8']],
    ['6.10-odd.xml', ['fw'], ['0'], []],
  ])('in %s for the drivers %j: %j, passed over %j', (name, drivers, nicIds, skippedIds) => {
    const template = parseTemplate(encode(fixture(name)));
    const { nics, skipped } = selectNics(template, drivers === undefined ? {} : { drivers });
    expect(nics.map((nic) => nic.nicId)).toEqual(nicIds);
    expect(skipped.map((nic) => nic.nicId)).toEqual(skippedIds);
  });
});
