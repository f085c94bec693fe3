/** Why an authority or a target is refused. One word for each, for logs, metrics and tests; `explainRefusal` has the words for people. */
const EXPLAINED = {
  empty: 'there is no host',
  'too-long': 'it is too long',
  byte: 'it has a byte that may not stand there',
  utf8: 'it is not valid UTF-8',
  userinfo: 'it has user information (A@B)',
  'empty-label': 'the host has an empty label',
  'long-label': 'the host has a label of more than 63 characters',
  idna: 'the host is no valid internationalised name',
  'ipv4-spelling': 'the host is an IPv4 address that is not written as four decimal numbers',
  ipv6: 'the host is no correct IPv6 address in brackets',
  'embedded-ipv4': 'the host is an IPv6 address with an IPv4 address in it',
  address: 'it is an address where a name belongs',
  port: 'the port is no number from 1 to 65535',
  'no-port': 'there is no port',
  scheme: 'the scheme is neither http nor https',
  form: 'it is no absolute path and no URL',
  fragment: 'it has a fragment (#)',
  'percent-encoding': 'it has a % that two hexadecimal digits do not follow',
  control: 'the path has a control character',
  backslash: 'the path has a backslash',
  'hidden-dots': 'the path has dot segments that show only after more decoding',
  'nested-encoding': 'the path is encoded too many times',
} as const;

export type RefusalReason = keyof typeof EXPLAINED;

export interface Refusal {
  readonly refused: RefusalReason;
}

const REFUSALS = Object.fromEntries(
  Object.keys(EXPLAINED).map((reason) => [reason, Object.freeze({ refused: reason })]),
) as Record<RefusalReason, Refusal>;

/** A guest can have many of them a second: they are made once. */
export function refuse(reason: RefusalReason): Refusal {
  return REFUSALS[reason];
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value;
}

/** Half a sentence for the line of text that a guest gets. */
export function explainRefusal({ refused }: Refusal): string {
  return EXPLAINED[refused];
}

export const REFUSAL_REASONS = Object.keys(EXPLAINED) as RefusalReason[];
