import { describe, expect, it } from 'vitest';
import type { Place } from '../../../../src/gateway/rules/client.ts';
import { readCredentials } from '../../../../src/gateway/rules/credentials.ts';
import { compileRuleSet, NO_RULES, parseTokenHash } from '../../../../src/gateway/rules/rule-set.ts';
import { definition } from './make.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const place = (vm?: string, network?: string, networkId?: string): Place => ({ vm, network, networkId });

const rules = compileRuleSet([
  definition('anywhere', [], { token: 'secret-a' }),
  definition('net', [], { token: 'secret-n', networks: ['isolated'] }),
  definition('net-by-id', [], { networks: ['7'] }),
  definition('net-again', [], { networks: ['isolated', 'lab'] }),
  definition('vm', [], { token: 'secret-v', vms: ['42'] }),
  definition('vm-in-net', [], { networks: ['isolated'], vms: ['42', '43'] }),
]);

function identity(at: Place, ...headers: readonly string[]): string {
  const found = rules.identify(at, readCredentials(headers));
  return found.client === undefined ? `! ${found.because}` : `${found.client.name} by ${found.by}`;
}

describe('a client by place', () => {
  it.each([
    [place('1', 'isolated', '3'), 'net by network'],
    [place('1', 'lab', '9'), 'net-again by network'],
    [place('1', 'other', '7'), 'net-by-id by network'],
    // The first in the file where several networks fit.
    [place('1', 'isolated', '7'), 'net by network'],
    [place('1', 'lab', '7'), 'net-by-id by network'],
    [place('42', 'other', '9'), 'vm by vm'],
    [place('42', undefined, undefined), 'vm by vm'],
    [place('42', 'isolated', '3'), 'vm-in-net by vm'],
    [place('43', 'isolated', '3'), 'vm-in-net by vm'],
    // Both narrow.
    [place('43', 'other', '9'), '! nothing-shown'],
    [place('1', 'other', '9'), '! nothing-shown'],
    [place(), '! nothing-shown'],
  ])('%j: %s', (at, expected) => {
    expect(identity(at)).toBe(expected);
  });
});

describe('a client by token', () => {
  it.each([
    [place('1', 'other', '9'), basic('anywhere:secret-a'), 'anywhere by token'],
    [place('1', 'other', '9'), 'Bearer secret-a', 'anywhere by token'],
    [place('1', 'other', '9'), 'bearer  secret-a', 'anywhere by token'],
    [place(), 'Bearer secret-a', 'anywhere by token'],
    // The token goes before the place.
    [place('42', 'isolated', '3'), basic('anywhere:secret-a'), 'anywhere by token'],
    [place('1', 'isolated', '3'), basic('net:secret-n'), 'net by token'],
    [place('42', 'isolated', '3'), basic('net:secret-n'), 'net by token'],
    // Where it does not belong it is worth nothing: what counts is the place.
    [place('1', 'lab', '9'), basic('net:secret-n'), 'net-again by network'],
    [place('1', 'isolated', '3'), basic('vm:secret-v'), 'net by network'],
    [place('1', 'other', '9'), basic('vm:secret-v'), '! wrong-place'],
    // A wrong one is refused, whatever the place.
    [place('42', 'isolated', '3'), basic('anywhere:secret-n'), '! wrong-token'],
    [place('42', 'isolated', '3'), basic('nobody:secret-a'), '! wrong-token'],
    [place('42', 'isolated', '3'), basic(':secret-a'), '! wrong-token'],
    [place('42', 'isolated', '3'), basic('net-by-id:'), '! wrong-token'],
    [place('42', 'isolated', '3'), basic('anywhere:secret-a '), '! wrong-token'],
    [place('42', 'isolated', '3'), basic('anywhere'), '! wrong-token'],
    [place('42', 'isolated', '3'), 'Bearer wrong', '! wrong-token'],
    [place('42', 'isolated', '3'), 'Bearer', '! wrong-token'],
    [place('42', 'isolated', '3'), '', '! wrong-token'],
    [place('42', 'isolated', '3'), 'Digest username="anywhere"', '! wrong-token'],
    [place('42', 'isolated', '3'), 'Basic !!!!', '! wrong-token'],
    [place('42', 'isolated', '3'), `Bearer ${'a'.repeat(2000)}`, '! wrong-token'],
  ])('%j, %s: %s', (at, header, expected) => {
    expect(identity(at, header)).toBe(expected);
  });

  it('shows it once', () => {
    expect(identity(place(), 'Bearer secret-a', 'Bearer secret-a')).toBe('! wrong-token');
  });

  it('may have a colon in it', () => {
    expect(readCredentials([basic('a:b:c')])).toEqual({ kind: 'token', name: 'a', token: 'b:c' });
  });
});

it('is nobody before there are rules', () => {
  expect(NO_RULES.identify(place('1', 'isolated'), { kind: 'nothing' }).client).toBeUndefined();
});

it('of one name is the first', () => {
  const twice = compileRuleSet([definition('a', [], { vms: ['1'] }), definition('a', [], { vms: ['2'] })]);
  expect([...twice.clients.values()].map(({ vms }) => vms)).toEqual([new Set(['1'])]);
});

it.each([
  [`sha256:${'ab'.repeat(32)}`, 32],
  [`sha256:${'AB'.repeat(32)}`, 32],
  [`sha256:${'ab'.repeat(31)}`, undefined],
  [`sha1:${'ab'.repeat(32)}`, undefined],
  ['ab'.repeat(32), undefined],
  ['', undefined],
])('%s as the hash of a token', (text, length) => {
  expect(parseTokenHash(text)?.length).toBe(length);
});
