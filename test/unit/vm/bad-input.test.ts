import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/errors.ts';
import { parseTemplate } from '../../../src/vm/parse-template.ts';
import { encode, fixture } from './encode.ts';

const XML = fixture('6.10-deploy.xml');
const vm = (content: string) => encode(`<VM>${content}</VM>`);

describe('what is no template', () => {
  it.each([
    ['nothing', '', 'standard input is empty'],
    ['a newline', '\n', 'standard input is empty'],
    ['XML as it is', XML, 'plain XML, not base64'],
    ['text', 'hello, world', 'not base64'],
    ['base64 with something else in it', `${encode(XML)}!`, 'not base64'],
    ['base64 with padding in the middle', 'YQ==YQ==', 'not base64'],
    ['bytes', encode(Buffer.from([0, 1, 2, 255])), 'no XML'],
    ['text in base64', encode('hello, world'), 'no XML'],
    ['base64 twice', encode(encode(XML)), 'no XML'],
    ['too much base64', 'A'.repeat(25 * 1024 * 1024), 'larger than 16 MiB'],
    [
      'a truncated template',
      encode(XML.slice(0, -200)),
      'no well-formed XML (HISTORY_RECORDS is not closed)',
    ],
    [
      'a template that ends in CDATA',
      encode(XML.slice(0, XML.indexOf('br0') + 1)),
      'no well-formed XML (]]> is missing)',
    ],
    ['crossed elements', vm('<ID>1</ID><TEMPLATE><A></TEMPLATE></A>'), 'no well-formed XML'],
    ['something behind the end', encode(`${XML}x`), 'no well-formed XML'],
    ['two roots', encode('<VM><ID>1</ID></VM><VM><ID>2</ID></VM>'), 'no well-formed XML (line 1, '],
    ['two empty roots', encode('<VM/><VM/>'), 'more than one root'],
    ['an unclosed element', vm('<ID>1</ID><TEMPLATE><A></TEMPLATE>'), 'no well-formed XML (line 1, '],
    ['a host', encode('<HOST><ID>1</ID><TEMPLATE><A/></TEMPLATE></HOST>'), 'no <VM>'],
    ['an empty VM', encode('<VM/>'), 'no <VM> with elements in it'],
    ['a VM of text', encode('<VM>1</VM>'), 'no <VM> with elements in it'],
    ['a VM without an id', vm('<TEMPLATE><A/></TEMPLATE>'), 'no numeric VM/ID'],
    ['an id that leads elsewhere', vm('<ID>../../etc</ID><TEMPLATE><A/></TEMPLATE>'), 'no numeric VM/ID'],
    ['a negative id', vm('<ID>-1</ID><TEMPLATE><A/></TEMPLATE>'), 'no numeric VM/ID'],
    ['a VM without a template', vm('<ID>1</ID>'), 'no VM/TEMPLATE'],
    ['a VM with an empty template', vm('<ID>1</ID><TEMPLATE/>'), 'no VM/TEMPLATE'],
  ])('%s', (_what, text, message) => {
    const parsing = () => parseTemplate(text);
    expect(parsing).toThrow(InputError);
    expect(parsing).toThrow(message);
    expect(parsing).toThrow('pass the VM template on standard input');
    expect(parsing).toThrow(expect.objectContaining({ exitCode: 1 }));
  });
});

describe('hostile XML', () => {
  const TEMPLATE = '<ID>1</ID><TEMPLATE><NIC><NIC_ID>0</NIC_ID><BRIDGE>&e;</BRIDGE></NIC></TEMPLATE>';

  it.each([
    ['an external entity', `<!DOCTYPE VM [<!ENTITY e SYSTEM "file:///etc/passwd">]><VM>${TEMPLATE}</VM>`],
    ['an internal entity', `<!DOCTYPE VM [<!ENTITY e "br0">]><VM>${TEMPLATE}</VM>`],
    [
      'an external DTD',
      `<?xml version="1.0"?>\n<!DOCTYPE VM SYSTEM "http://example.com/x.dtd"><VM>${TEMPLATE}</VM>`,
    ],
    ['a declaration in lower case', `<!doctype VM><VM>${TEMPLATE}</VM>`],
    ['a declaration inside', `<VM><!DOCTYPE VM [<!ENTITY e "br0">]>${TEMPLATE}</VM>`],
    ['a declaration behind CDATA', `<VM><NAME><![CDATA[x]]></NAME><!ENTITY e "br0">${TEMPLATE}</VM>`],
  ])('with %s is refused', (_what, xml) => {
    expect(() => parseTemplate(encode(xml))).toThrow('document type declaration');
  });

  it('knows no entity but those of XML', () => {
    expect(parseTemplate(vm(TEMPLATE)).skipped).toMatchObject([
      { level: 'error', reason: expect.stringContaining('"&e;"') },
    ]);
  });

  it('does not reach the prototypes of objects', () => {
    const names = ['toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'];
    const odd = names.map((name) => `<${name}>x</${name}>`).join('');
    const template = parseTemplate(
      vm(`<ID>1</ID>${odd}<TEMPLATE>${odd}<NIC>${odd}<NIC_ID>0</NIC_ID></NIC></TEMPLATE>`),
    );
    expect(template).toMatchObject({ vmId: '1', nics: [], skipped: [{ nicId: '0' }] });
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      expect(() =>
        parseTemplate(vm(`<ID>1</ID><TEMPLATE><${name}><polluted>x</polluted></${name}></TEMPLATE>`)),
      ).toThrow(InputError);
    }
    expect({}).not.toHaveProperty('polluted');
  });
});
