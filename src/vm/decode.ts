import { InputError } from '../errors.ts';

/** Real templates have some ten kilobytes; this bounds time and memory. */
const MAX_XML_BYTES = 16 * 1024 * 1024;
/** Base64 of that, with room for line breaks. */
export const MAX_TEMPLATE_CHARACTERS = Math.ceil((MAX_XML_BYTES / 3) * 4 * 1.1);
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The remedy for every template that is none. */
export const EXPECTED =
  'pass the VM template on standard input as OpenNebula passes it to its VNM hooks (XML in base64), or use --bridge, --network and --network-id';

/** The XML text inside of base64, which may have line breaks in it. Throws `InputError`. */
export function decodeTemplate(text: string): string {
  if (text.length > MAX_TEMPLATE_CHARACTERS) throw noTemplate('template is larger than 16 MiB');
  const base64 = text.replace(/\s+/g, '');
  if (base64 === '') throw noTemplate('no template: standard input is empty');
  if (base64.startsWith('<')) throw noTemplate('template is plain XML, not base64');
  if (!BASE64.test(base64)) throw noTemplate('template is not base64');

  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length > MAX_XML_BYTES) throw noTemplate('template is larger than 16 MiB');
  return bytes.toString('utf8');
}

export function noTemplate(what: string): InputError {
  return new InputError(what, { remedy: EXPECTED });
}
