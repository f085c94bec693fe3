import { readFileSync } from 'node:fs';

/** Base64 with line breaks and a newline at the end, as `pack('m')` of Ruby writes it. */
export function encode(xml: string | Buffer): string {
  const base64 = Buffer.from(xml).toString('base64');
  return `${base64.replaceAll(/.{60}/g, '$&\n')}\n`;
}

export function fixture(name: string): string {
  return readFileSync(new URL(`../../fixtures/vm/${name}`, import.meta.url), 'utf8');
}
