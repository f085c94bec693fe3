import { InputError } from '../errors.ts';

/** Real templates have some ten kilobytes; this bounds time and memory. */
const MAX_XML_BYTES = 16 * 1024 * 1024;
/** Base64 of that, with room for line breaks. */
export const MAX_TEMPLATE_CHARACTERS = Math.ceil((MAX_XML_BYTES / 3) * 4 * 1.1);
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Ends every message about a template that is none. */
export const EXPECTED =
  'expected on standard input is the VM template as OpenNebula gives it to its VNM hooks, base64 of XML; by hand use --bridge, --network and --network-id';

/** The XML text inside of base64, which may have line breaks in it. Throws `InputError`. */
export function decodeTemplate(text: string): string {
  if (text.length > MAX_TEMPLATE_CHARACTERS)
    throw new InputError(`template of more than 16 MiB; ${EXPECTED}`);
  const base64 = text.replace(/\s+/g, '');
  if (base64 === '') throw new InputError(`no template: standard input is empty; ${EXPECTED}`);
  if (base64.startsWith('<')) throw new InputError(`template is XML without base64 around it; ${EXPECTED}`);
  if (!BASE64.test(base64)) throw new InputError(`template is no base64; ${EXPECTED}`);

  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length > MAX_XML_BYTES) throw new InputError(`template of more than 16 MiB; ${EXPECTED}`);
  return bytes.toString('utf8');
}
