import { decode, encode, type Packet } from 'dns-packet';
import { describe, expect, it, test } from 'vitest';
import { answerQuery } from '../../../../src/gateway/dns/answer.ts';
import { parseIpv4 } from '../../../../src/model/ipv4.ts';
import { seeded } from '../../config/random.ts';

const ADDRESS = parseIpv4('198.18.0.1');

function query(name: string, type = 'A', more: Partial<Packet> = {}): Buffer {
  return encode({ id: 7, type: 'query', flags: 0x0100, questions: [{ name, type }], ...more });
}

function ask(bytes: Uint8Array, addressOf = (_: string): number | undefined => ADDRESS) {
  const asked: string[] = [];
  const answer = answerQuery(bytes, 60, (name) => {
    asked.push(name);
    return addressOf(name);
  });
  return { answer: answer && decode(answer), asked };
}

const OPT = { name: '.', type: 'OPT', udpPayloadSize: 4096, ednsVersion: 0, flags: 0, options: [] };

describe('a query', () => {
  it.each([
    ['a.example', 'a.example'],
    ['A.eXample', 'a.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['_x._tcp.a.example', '_x._tcp.a.example'],
    ['localhost', 'localhost'],
  ])('for A of %s has the address of %s, and its own spelling', (name, canonical) => {
    const { answer, asked } = ask(query(name));
    expect(asked).toEqual([canonical]);
    expect(answer).toMatchObject({ id: 7, type: 'response', rcode: 'NOERROR', flag_rd: true, flag_ra: true });
    expect(answer?.questions).toMatchObject([{ name, type: 'A' }]);
    expect(answer?.answers).toMatchObject([{ name, type: 'A', ttl: 60, data: '198.18.0.1' }]);
  });

  it.each(['AAAA', 'HTTPS', 'SVCB'])('for %s has no data', (type) => {
    const number = { AAAA: 28, SVCB: 64, HTTPS: 65 }[type] ?? 0;
    const bytes = query('a.example');
    bytes.writeUInt16BE(number, bytes.length - 4);
    const { answer, asked } = ask(bytes);
    expect(answer).toMatchObject({ rcode: 'NOERROR', answers: [], questions: [{ name: 'a.example' }] });
    expect(asked).toEqual([]);
  });

  it.each<[string, Buffer, string]>([
    ['TXT', query('a.example', 'TXT'), 'REFUSED'],
    ['NULL', query('a.example', 'NULL'), 'REFUSED'],
    ['ANY', query('a.example', 'ANY'), 'REFUSED'],
    ['AXFR', query('a.example', 'AXFR'), 'REFUSED'],
    ['PTR', query('1.0.18.198.in-addr.arpa', 'PTR'), 'REFUSED'],
    ['another class', encode({ questions: [{ name: 'a.example', type: 'A', class: 'CH' }] }), 'REFUSED'],
    ['the root', query('.'), 'REFUSED'],
    ['an address', query('10.0.0.1'), 'REFUSED'],
    ['a blank in the name', query('a b.example'), 'REFUSED'],
    ['an A-label that is none', query('xn--a.example'), 'REFUSED'],
    ['NOTIFY', query('a.example', 'A', { flags: 0x2000 }), 'REFUSED'],
    [
      'two questions',
      encode({
        questions: [
          { name: 'a', type: 'A' },
          { name: 'b', type: 'A' },
        ],
      }),
      'FORMERR',
    ],
    ['no question', encode({ questions: [] }), 'FORMERR'],
    ['an answer in it', query('a', 'A', { answers: [{ name: 'a', type: 'A', data: '1.2.3.4' }] }), 'FORMERR'],
    ['two OPT', query('a', 'A', { additionals: [OPT, OPT] }), 'FORMERR'],
    ['a cut question', query('a.example').subarray(0, 20), 'FORMERR'],
    ['a cut OPT', query('a', 'A', { additionals: [OPT] }).subarray(0, -3), 'FORMERR'],
    [
      'a pointer',
      Buffer.concat([query('.').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
      'FORMERR',
    ],
    [
      'a dot in a label',
      Buffer.concat([query('.').subarray(0, 12), Buffer.from([3, 97, 46, 98, 0, 0, 1, 0, 1])]),
      'FORMERR',
    ],
  ])('with %s is refused', (_, bytes, rcode) => {
    const { answer, asked } = ask(bytes);
    expect(answer).toMatchObject({ rcode, answers: [] });
    expect(asked).toEqual([]);
  });

  it('is refused when there is no address for it', () => {
    expect(ask(query('a.example'), () => undefined).answer).toMatchObject({ rcode: 'REFUSED', answers: [] });
  });

  it('with EDNS is answered with EDNS, of version 0', () => {
    const { answer } = ask(query('a.example', 'A', { additionals: [OPT] }));
    expect(answer).toMatchObject({ rcode: 'NOERROR', additionals: [{ type: 'OPT', udpPayloadSize: 1232 }] });
    expect(answer?.answers.length).toBe(1);
    const newer = ask(query('a.example', 'A', { additionals: [{ ...OPT, ednsVersion: 1 }] }));
    expect(newer.answer).toMatchObject({ answers: [], additionals: [{ extendedRcode: 1, ednsVersion: 0 }] });
    expect(newer.asked).toEqual([]);
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['half a header', Buffer.alloc(11)],
    ['an answer', encode({ type: 'response', questions: [{ name: 'a', type: 'A' }] })],
  ])('that is %s gets no answer', (_, bytes) => {
    expect(ask(bytes).answer).toBeUndefined();
  });
});

test('whatever comes, nothing throws, and no answer is longer than 512 bytes', { timeout: 60_000 }, () => {
  const random = seeded(53);
  const sound = [
    query('a.example'),
    query('bücher.example', 'AAAA', { additionals: [OPT] }),
    query(`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`, 'A', {
      additionals: [OPT],
    }),
  ] as [Buffer, ...Buffer[]];
  const rcodes = new Set<unknown>();
  for (let i = 0; i < 10_000; i += 1) {
    const bytes = Buffer.from(random.pick(sound));
    for (let change = random.below(4); change > 0; change -= 1)
      bytes[random.below(bytes.length)] = random.below(256);
    const cut = bytes.subarray(0, random.below(4) === 0 ? random.below(bytes.length) : bytes.length);
    const answer = answerQuery(cut, 60, () => ADDRESS);
    if (answer === undefined) continue;
    expect(answer.length).toBeLessThanOrEqual(512);
    rcodes.add(decode(answer).rcode);
  }
  expect([...rcodes].sort()).toEqual(['FORMERR', 'NOERROR', 'REFUSED']);
});
