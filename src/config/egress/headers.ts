import { type EgressHeaders, secretName } from '../../model/egress-rule.ts';
import { describe, fault, type Judge, type Verdict } from '../reader/judge.ts';
import { wholeMapping } from '../reader/mapping.ts';
import { named } from '../reader/named.ts';
import { quote } from '../reader/problem.ts';
import { each, text } from '../reader/scalars.ts';
import { type Key, omissible, type Reads } from '../reader/schema.ts';
import { value } from '../reader/value.ts';

const MAX_HEADERS = 100;
const MAX_NAME_LENGTH = 256;
/** Node's own bound on a whole header section is 16 KB. */
const MAX_VALUE_LENGTH = 8192;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const SECRET_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** What says how far a message goes, where it goes, and who is on the way: the gateway writes them itself. */
const OURS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const WRITE_NAME = 'write the name of a header, such as Authorization';

function judgeName(written: string): Verdict<string> {
  const bad = (why: string, remedy = WRITE_NAME) => fault(`is ${quote(written)}, ${why}`, remedy);
  if (written.endsWith(':')) return bad('which has a colon', 'write the name without it');
  if (!TOKEN.test(written) || written.length > MAX_NAME_LENGTH) return bad('which is no name of a header');
  const name = written.toLowerCase();
  if (OURS.has(name) || name.startsWith('proxy-')) {
    return bad('a header that the gateway writes itself', 'leave it out');
  }
  return { value: written };
}

const headerName = text(judgeName, WRITE_NAME);

/** A value is never quoted in a message: it may be a secret that should stand elsewhere. */
function headerValue(secrets: 'allowed' | 'refused'): Judge<string> {
  return (written) => {
    if (typeof written === 'boolean') return fault(describe(written), 'put the value in quotes');
    if (typeof written !== 'string') return fault(describe(written), 'write the value of the header');
    // Control characters end the header; bytes above ASCII mean something else to everybody.
    if (!/^[\x20-\x7e\t]*$/.test(written))
      return fault('has characters other than printable ASCII', 'encode them');
    if (/^\s|\s$/.test(written)) return fault('has blanks at its ends', 'take them out');
    if (written.length > MAX_VALUE_LENGTH)
      return fault(`has more than ${MAX_VALUE_LENGTH} characters`, 'shorten it');
    const secret = secretName(written);
    if (secret === undefined) {
      return /\bsecret:\S/i.test(written)
        ? fault(
            'has a secret as a part of it',
            'write "secret:NAME" alone, and put the whole value into secrets.yaml',
          )
        : { value: written };
    }
    if (secrets === 'refused')
      return fault('is a secret, which the guest would see', 'set secrets in request_headers only');
    return SECRET_NAME.test(secret)
      ? { value: written }
      : fault('names no secret', 'write secret:NAME; a name has letters, digits, "_", "-" and "."');
  };
}

/** `request_headers` and `response_headers`. */
function headersKeys(secrets: 'allowed' | 'refused') {
  return {
    set: omissible(
      'set',
      named(value(headerValue(secrets)), {
        items: 'headers',
        max: MAX_HEADERS,
        name: headerName,
        sameAs: (name) => name.toLowerCase(),
        noun: 'mapping of headers',
        remedy: 'write "Name: value" below it',
      }),
      { meaning: 'headers that get this value, whatever they had' },
    ),
    remove: omissible('remove', value(each(headerName)), { meaning: 'headers that are taken out' }),
  } as const satisfies Record<keyof EgressHeaders, Key<unknown>>;
}

export function headers(secrets: 'allowed' | 'refused'): Reads<EgressHeaders> {
  return wholeMapping(
    headersKeys(secrets),
    {
      noun: 'mapping',
      remedy: 'write set and remove below it',
      contradictions: ({ fields: { set = new Map<string, string>(), remove = [] } }) => {
        const removed = new Set(remove.map((name) => name.toLowerCase()));
        const both = [...set.keys()].filter((name) => removed.has(name.toLowerCase()));
        return both.map((name) => ({
          property: 'remove' as const,
          wrong: `has ${quote(name)}, which is set as well`,
          remedy: 'take it out; to set a header replaces it',
        }));
      },
    },
    ({ fields: { set, remove = [] } }) => ({ set: [...(set ?? [])], remove }),
  );
}
