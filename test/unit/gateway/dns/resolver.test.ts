import { type Answer, decode, encode } from 'dns-packet';
import { describe, expect, it, test } from 'vitest';
import { answerCache } from '../../../../src/gateway/dns/cache.ts';
import { queryFor, readReply } from '../../../../src/gateway/dns/reply.ts';
import { type Attempt, resolver, schedule } from '../../../../src/gateway/dns/resolver.ts';
import { formatAddress } from '../../../../src/model/address.ts';
import { seeded } from '../../config/random.ts';

const ASKED = { id: 7, name: 'a.example', type: 'A' } as const;
const a = (name: string, data: string, ttl = 60): Answer => ({ name, type: 'A', class: 'IN', ttl, data });
const cname = (name: string, data: string, ttl = 60): Answer => ({
  name,
  type: 'CNAME',
  class: 'IN',
  ttl,
  data,
});

/** An answer to a query, or to `ASKED`. */
function reply(
  answers: readonly Answer[],
  more: { id?: number; name?: string; type?: string; flags?: number; authorities?: Answer[] } = {},
): Buffer {
  const { id = 7, name = 'a.example', type = 'A', flags = 0x8180, authorities = [] } = more;
  return encode({ id, type: 'response', flags, questions: [{ name, type }], answers, authorities });
}

function said(bytes: Uint8Array): string {
  const found = readReply(bytes, ASKED);
  if (found.kind === 'addresses') return `${found.addresses.map(formatAddress).join(' ')} for ${found.ttlS}`;
  if (found.kind === 'alias') return `alias ${found.name} for ${found.ttlS}`;
  return found.kind === 'none' ? `none for ${found.ttlS}` : found.kind;
}

describe('an answer of a name server', () => {
  const soa = {
    name: 'example',
    type: 'SOA',
    ttl: 30,
    data: { mname: 'm', rname: 'r', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 },
  };
  const chain = (length: number) =>
    Array.from({ length }, (_, at) => cname(at === 0 ? 'a.example' : `c${at}`, `c${at + 1}`));

  it.each<[string, Buffer, string]>([
    [
      'addresses',
      reply([a('a.example', '192.0.2.1'), a('A.Example', '192.0.2.2', 30)]),
      '192.0.2.1 192.0.2.2 for 30',
    ],
    ['a chain', reply([cname('a.example', 'B.example', 5), a('b.example', '192.0.2.1')]), '192.0.2.1 for 5'],
    [
      'a chain in any order',
      reply([a('b.example', '192.0.2.1'), cname('a.example', 'b.example')]),
      '192.0.2.1 for 60',
    ],
    ['a chain that leads on', reply([cname('a.example', 'b.example', 9)]), 'alias b.example for 9'],
    ['a chain that is as long as it may be', reply([...chain(8), a('c8', '192.0.2.1')]), '192.0.2.1 for 60'],
    ['a chain that is too long', reply([...chain(9), a('c9', '192.0.2.1')]), 'failed'],
    [
      'a chain in a circle',
      reply([cname('a.example', 'b.example'), cname('b.example', 'a.example')]),
      'failed',
    ],
    ['an alias that is no name', reply([cname('a.example', '10.0.0.1')]), 'failed'],
    ['addresses of other names', reply([a('b.example', '192.0.2.1')]), 'none for undefined'],
    ['nothing', reply([], { authorities: [soa] }), 'none for 30'],
    ['no such name', reply([], { flags: 0x8183, authorities: [soa] }), 'none for 30'],
    ['SERVFAIL', reply([], { flags: 0x8182 }), 'failed'],
    ['REFUSED', reply([], { flags: 0x8185 }), 'failed'],
    ['truncated', reply([], { flags: 0x8380 }), 'truncated'],
    ['another id', reply([a('a.example', '192.0.2.1')], { id: 8 }), 'stray'],
    ['another name', reply([a('a.example', '192.0.2.1')], { name: 'b.example' }), 'stray'],
    ['another type', reply([], { type: 'AAAA' }), 'stray'],
    ['a query', queryFor(ASKED), 'stray'],
    ['noise', Buffer.from('noise'), 'stray'],
  ])('with %s', (_, bytes, expected) => {
    expect(said(bytes)).toBe(expected);
  });

  it('with more records in its header than it has room for is stray, at once', () => {
    const forged = Buffer.concat([reply([]).subarray(0, 6), Buffer.alloc(6, 0xff), reply([]).subarray(12)]);
    const before = process.cpuUsage();
    const answers = new Set(Array.from({ length: 2000 }, () => said(forged)));
    const { user } = process.cpuUsage(before);
    expect([...answers]).toEqual(['stray']);
    // Lists of 65 535 records each would be a hundred times that.
    expect(user).toBeLessThan(1_500_000);
  });

  test('breaks nothing, whatever it is', { timeout: 60_000 }, () => {
    const random = seeded(4);
    const sound = reply([cname('a.example', 'b.example'), a('b.example', '192.0.2.1')], {
      authorities: [soa],
    });
    for (let i = 0; i < 5000; i += 1) {
      const bytes = Buffer.from(sound);
      for (let change = 1 + random.below(4); change > 0; change -= 1)
        bytes[random.below(bytes.length)] = random.below(256);
      expect(said(bytes.subarray(0, bytes.length - random.below(3)))).toMatch(/./);
    }
  });
});

it('goes over all servers, and waits longer in each round', () => {
  expect(schedule(['s1', 's2']).map(({ server, timeoutMs }) => `${server} ${timeoutMs}`)).toEqual([
    's1 1000',
    's2 1000',
    's1 2000',
    's2 2000',
    's1 4000',
    's2 4000',
  ]);
});

describe('a cache', () => {
  it('keeps what it is told, within its bounds', () => {
    const cache = answerCache({ entries: 2, minTtlS: 1, maxTtlS: 100, negativeTtlS: 5 });
    const one = [{ family: 4, ip: 1 }] as const;
    const lasts = (ttlS: number | undefined, addresses: typeof one | readonly []) => {
      cache.put('x', addresses, ttlS, 0);
      return [999, 1001, 5001, 30_001, 60_001, 100_001]
        .filter((ms) => cache.get('x', ms) !== undefined)
        .at(-1);
    };
    expect([lasts(0, one), lasts(9, one), lasts(1e9, one), lasts(undefined, []), lasts(1e9, [])]).toEqual([
      999, 5001, 60_001, 1001, 30_001,
    ]);
    for (const key of ['a', 'b', 'c']) cache.put(key, one, 50, 0);
    expect(['a', 'b', 'c'].map((key) => cache.get(key, 1)?.length)).toEqual([undefined, 1, 1]);
  });
});

describe('a resolver', () => {
  type Script = (attempt: Attempt, name: string, id: number, type: string) => readonly Buffer[];

  function scripted(servers: readonly string[], script: Script) {
    const asked: string[] = [];
    let id = 0;
    let nowMs = 0;
    const ask = resolver(servers, {
      exchange: async (attempt, query, accept) => {
        const { questions, id: theirs } = decode(query);
        const { name = '', type = '' } = questions[0] ?? {};
        asked.push(`${attempt.server} ${attempt.transport} ${name}`);
        for (const answer of script(attempt, name, theirs, type)) if (accept(answer)) return;
      },
      randomId: () => (id += 1),
      nowMs: () => nowMs,
    });
    const outcome = async (name: string) => {
      const found = await ask(name, 'A');
      if (found.kind === 'addresses') return found.addresses.map(formatAddress).join(' ');
      return found.kind === 'failed' ? found.because : found.kind;
    };
    return { outcome, asked, wait: (ms: number) => (nowMs += ms) };
  }

  it('asks once while it knows', async () => {
    const { outcome, asked, wait } = scripted(['s1'], (_, name, id) => [
      reply([a(name, '192.0.2.1', 10)], { id, name }),
    ]);
    expect(await Promise.all([outcome('a.example'), outcome('a.example')])).toEqual([
      '192.0.2.1',
      '192.0.2.1',
    ]);
    wait(9_999);
    await outcome('a.example');
    expect(asked.length).toBe(1);
    wait(1);
    await outcome('a.example');
    expect(asked.length).toBe(2);
  });

  it('waits on when somebody guesses', async () => {
    const { outcome, asked } = scripted(['s1'], (_, name, id) => [
      reply([a(name, '10.6.6.6')], { id: id + 1, name }),
      reply([a(name, '192.0.2.1')], { id, name }),
    ]);
    expect([await outcome('a.example'), asked.length]).toEqual(['192.0.2.1', 1]);
  });

  it('goes to the next server, and to TCP', async () => {
    const { outcome, asked } = scripted(['s1', 's2'], ({ server, transport }, name, id) => {
      if (server === 's1') return [reply([], { id, name, flags: 0x8182 })];
      return transport === 'udp'
        ? [reply([], { id, name, flags: 0x8380 })]
        : [reply([a(name, '192.0.2.1')], { id, name })];
    });
    expect(await outcome('a.example')).toBe('192.0.2.1');
    expect(asked).toEqual(['s1 udp a.example', 's2 udp a.example', 's2 tcp a.example']);
  });

  it('follows aliases over several questions, and not for ever', async () => {
    const { outcome } = scripted(['s1'], (_, name, id) =>
      name === 'b.example'
        ? [reply([a(name, '192.0.2.1')], { id, name })]
        : [reply([cname(name, name === 'a.example' ? 'b.example' : `x${name}`)], { id, name })],
    );
    expect([await outcome('a.example'), await outcome('loop.example')]).toEqual(['192.0.2.1', 'alias-loop']);
  });

  it('says when there is none, and when nobody answers, and remembers only the former', async () => {
    const { outcome, asked } = scripted(['s1', 's2'], (_, name, id) =>
      name === 'none.example' ? [reply([], { id, name })] : [],
    );
    expect([await outcome('none.example'), await outcome('none.example')]).toEqual(['none', 'none']);
    expect(asked.length).toBe(1);
    expect(await outcome('a.example')).toBe('no-answer');
    expect(asked.length).toBe(1 + 6);
    expect(await scripted([], () => []).outcome('a.example')).toBe('no-server');
  });
});
