import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import { amount } from '../../support/amount.ts';
import { mutate, seeded } from './random.ts';

/** Generous, for slow machines under load; what this guards against takes minutes. */
const MAX_MS = 20_000;
const ALPHABET = ' \n\t:-[]{}&*!|>\'"%@`#,?<~=0123456789abcdtproxy_\0\u{1F600}\uFEFF\r';
/** A parser that takes the square of the time of its input shows that with a part of it, too. */
const FLOOD = amount(1, 0.03);
const SAMPLES = [
  readFileSync(new URL('../../../etc/OpenNebulaNetwork.conf', import.meta.url), 'utf8').replaceAll(
    /^#.*\n/gm,
    '',
  ),
  readFileSync(new URL('../../fixtures/config/every-error.conf', import.meta.url), 'utf8'),
  ':a: &a {service_port: 1, remote_addr: a, remote_port: 1}\n:tproxy:\n- <<: *a\n- *a\n- {<<: [*a, *a], networks: [*a, x]}\n',
] as const;

/** Whatever the text is: an answer in time, and one that callers can rely on. */
function examine(text: string): void {
  const before = performance.now();
  const { config, problems, readable } = parseConfig(text);
  expect(performance.now() - before).toBeLessThan(MAX_MS);
  for (const problem of problems) {
    expect(problem.line).toBeGreaterThan(0);
    expect(problem.column).toBeGreaterThan(0);
    expect(problem.message).not.toMatch(/^$|\n|undefined|\[object/);
    expect(problem.remedy).not.toMatch(/^$|\n|undefined|\[object/);
  }
  for (const { servicePort, remotePort, remoteAddr, networks } of config.services) {
    for (const port of [servicePort, remotePort])
      expect(port > 0 && port < 65_536 && Number.isInteger(port)).toBe(true);
    expect(isIPv4(remoteAddr) || /^[a-z0-9_][a-z0-9_.-]*$/i.test(remoteAddr)).toBe(true);
    expect(networks).not.toContain('');
  }
  if (!readable)
    expect({ services: config.services.length, told: problems.length > 0 }).toEqual({
      services: 0,
      told: true,
    });
}

describe('parseConfig never throws and never hangs', () => {
  it.each(Array.from({ length: amount(10, 3) }, (_, seed) => seed))('on mutated files, seed %i', (seed) => {
    const random = seeded(seed);
    for (let round = 0; round < amount(60, 12); round += 1)
      examine(mutate(random.pick(SAMPLES), ALPHABET, random));
  });

  it.each(Array.from({ length: amount(5, 2) }, (_, seed) => seed))('on noise, seed %i', (seed) => {
    const random = seeded(seed + 100);
    for (let round = 0; round < amount(100, 20); round += 1) {
      const length = random.below(300);
      examine(Array.from({ length }, () => ALPHABET[random.below(ALPHABET.length)]).join(''));
    }
  });

  const laughs = (open: string, close: string) =>
    Array.from({ length: 20 }, (_, i) => `:x${i}: &x${i} ${open}${`*x${i - 1}, `.repeat(9)}${close}\n`)
      .join('')
      .replaceAll('*x-1', 'a');

  it.each([
    ['a billion laughs in lists', `${laughs('[', ']')}:tproxy: *x19\n`],
    ['a billion laughs in entries', `${laughs('[', ']')}:tproxy: [{networks: *x19}]\n`],
    ['a billion laughs in merge keys', `${laughs('{<<: [', ']}')}:tproxy: [*x19]\n`],
    ['a billion laughs at top level', `${laughs('{<<: [', ']}')}<<: *x19\n`],
    ['a list in itself', ':tproxy: &a [*a, *a]\n'],
    ['many aliases', `:x: &a {a: 1}\n:tproxy:\n${'- *a\n'.repeat(20_000 * FLOOD)}`],
    ['open brackets', '['.repeat(100_000 * FLOOD)],
    ['open braces', '{'.repeat(100_000 * FLOOD)],
    ['dashes', '- '.repeat(100_000 * FLOOD)],
    ['question marks', '? '.repeat(100_000 * FLOOD)],
    ['anchors', '&a '.repeat(30_000 * FLOOD)],
    ['quotes', '"'.repeat(100_000 * FLOOD)],
    ['documents', '---\n'.repeat(100_000 * FLOOD)],
    ['keys', Array.from({ length: 10_000 * FLOOD }, (_, i) => `tproxy${i}: 1\n`).join('')],
    ['one long key', `tproxy${'x'.repeat(1_000_000 * FLOOD)}: 1\n`],
  ])('on %s', (_what, text) => {
    examine(text);
  });
});
