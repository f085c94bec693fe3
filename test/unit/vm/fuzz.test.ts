import { describe, expect, it } from 'vitest';
import { TproxyError } from '../../../src/errors.ts';
import { isBridgeName } from '../../../src/model/names.ts';
import { parseTemplate } from '../../../src/vm/parse-template.ts';
import { amount } from '../../support/amount.ts';
import { mutate, seeded } from '../config/random.ts';
import { encode, fixture } from './encode.ts';

const MAX_MS = 20_000;
const ALPHABET = '<>/![]&;"\'=?- \nABCDNICBRIDGE_0123456789\0\u{1F600}';
/** A parser that takes the square of the time of its input shows that with a part of it, too. */
const FLOOD = amount(1, 0.05);
const SAMPLES = [
  fixture('6.10-odd.xml'),
  '<VM><ID>1</ID><TEMPLATE><NIC><NIC_ID>0</NIC_ID><BRIDGE><![CDATA[br0]]></BRIDGE></NIC><NIC/></TEMPLATE></VM>',
] as const;

/** An answer that holds, or an error for the operator; either of them in time. */
function examine(text: string): 'template' | 'error' {
  const before = performance.now();
  try {
    const { vmId, nics } = parseTemplate(text);
    expect(vmId).toMatch(/^\d+$/);
    for (const nic of nics) {
      expect(isBridgeName(nic.bridge)).toBe(true);
      expect(nic.nicId).toMatch(/^\d+$/);
      for (const value of Object.values(nic)) expect(value).not.toBe('');
    }
    return 'template';
  } catch (error) {
    if (!(error instanceof TproxyError)) throw error;
    expect(error.message.length).toBeLessThan(500);
    return 'error';
  } finally {
    expect(performance.now() - before).toBeLessThan(MAX_MS);
  }
}

describe('parseTemplate throws nothing but errors for operators, and never hangs', () => {
  it.each(Array.from({ length: amount(8, 2) }, (_, seed) => seed))('on mutated XML, seed %i', (seed) => {
    const random = seeded(seed);
    const seen = new Set<string>();
    for (let round = 0; round < 100; round += 1)
      seen.add(examine(encode(mutate(random.pick(SAMPLES), ALPHABET, random))));
    expect(seen).toEqual(new Set(['template', 'error']));
  });

  it('on mutated base64', () => {
    const random = seeded(1000);
    const base64 = encode(SAMPLES[1]);
    for (let round = 0; round < amount(300, 60); round += 1)
      examine(mutate(base64, `${ALPHABET}+abcdef`, random));
  });

  it('on noise', () => {
    const random = seeded(2000);
    for (let round = 0; round < amount(300, 60); round += 1) {
      const bytes = Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)));
      examine(bytes.toString('latin1'));
      examine(encode(bytes));
    }
  });

  it.each([
    ['open elements', '<a>'.repeat(1_000_000 * FLOOD)],
    ['open brackets', '<'.repeat(2_000_000 * FLOOD)],
    ['open attributes', '<a b="'.repeat(500_000 * FLOOD)],
    ['open CDATA', `<VM>${'<![CDATA['.repeat(500_000 * FLOOD)}`],
    ['open comments', '<!--'.repeat(1_000_000 * FLOOD)],
    ['ampersands', `<VM>${'&'.repeat(2_000_000 * FLOOD)}</VM>`],
    ['entities', `<VM><A>${'&amp;'.repeat(500_000 * FLOOD)}</A></VM>`],
    ['closing elements', `<VM>${'</a>'.repeat(1_000_000 * FLOOD)}`],
    ['attributes', `<VM ${Array.from({ length: 200_000 * FLOOD }, (_, i) => `a${i}="1"`).join(' ')}/>`],
    ['line breaks', `<VM>${'\n'.repeat(4_000_000 * FLOOD)}<a></VM>`],
  ])('on a flood of %s', (_what, xml) => {
    expect(examine(encode(xml))).toBe('error');
  });

  it('on a VM with very many NICs', () => {
    const nic = '<NIC><NIC_ID>0</NIC_ID><BRIDGE><![CDATA[br0]]></BRIDGE></NIC>';
    expect(examine(encode(`<VM><ID>1</ID><TEMPLATE>${nic.repeat(50_000 * FLOOD)}</TEMPLATE></VM>`))).toBe(
      'template',
    );
  });
});
