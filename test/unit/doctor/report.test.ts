import { expect, test } from 'vitest';
import { styleFor } from '../../../src/cli/text/style.ts';
import { type Check, failed, ok, skipped, warning } from '../../../src/doctor/check.ts';
import { doctorReport } from '../../../src/doctor/json.ts';
import { reportLines } from '../../../src/doctor/report.ts';

const BRIDGE = { is: 'bridge', bridge: 'br0' } as const;
const CHECKS: readonly Check[] = [
  { id: 'root', part: { is: 'host' }, title: 'root', finding: ok('yes'), ms: 0 },
  {
    id: 'tool',
    part: { is: 'host' },
    subject: 'nft',
    title: 'nft',
    finding: failed('not found', 'install the package nftables'),
    ms: 2,
  },
  { id: 'arp', part: BRIDGE, title: 'ARP rule', finding: skipped('needs nft'), ms: 0 },
  { id: 'log', part: BRIDGE, title: 'log', finding: warning('one\ntwo', 'read it'), ms: 1 },
];

test('for people', () => {
  expect(reportLines(CHECKS, styleFor(false))).toEqual([
    'This host',
    '  ok       root      yes',
    '  FAILED   nft       not found',
    '                     → install the package nftables',
    '',
    'Bridge br0',
    '  skipped  ARP rule  needs nft',
    '  WARNING  log       one',
    '                     two',
    '                     → read it',
    '',
    '1 ok, 1 warning, 1 failed, 1 skipped',
  ]);
});

test('where nothing is deployed it says so', () => {
  const root = CHECKS.slice(0, 1);
  const forwarder = root.map((check) => ({ ...check, part: { is: 'forwarder' } }) as const);
  const last = (checks: readonly Check[]) => reportLines(checks, styleFor(false)).at(-1);
  expect(last(forwarder)).toBe('1 ok, 0 warnings, 0 failed, 0 skipped; no bridge on this host has services');
  expect(last(root)).toBe('1 ok, 0 warnings, 0 failed, 0 skipped');
});

test('for programs', () => {
  const about = { version: '1', host: 'hv1', time: '2026-01-01T00:00:00.000Z' };
  const report = doctorReport(CHECKS, about);
  expect(report).toMatchObject({
    ...about,
    holds: false,
    counts: { ok: 1, warning: 1, failed: 1, skipped: 1 },
  });
  expect(report.checks[1]).toEqual({
    id: 'tool',
    part: 'host',
    bridge: null,
    subject: 'nft',
    title: 'nft',
    verdict: 'failed',
    seen: 'not found',
    reason: null,
    remedy: 'install the package nftables',
    ms: 2,
  });
  expect(report.checks[2]).toMatchObject({ bridge: 'br0', seen: null, reason: 'needs nft', remedy: null });
});

test('the verdicts are what is coloured', () => {
  const lines = reportLines(CHECKS, styleFor(true));
  expect(lines[1]).toBe('  \u001b[32mok     \u001b[39m  root      yes');
  expect(lines[2]).toContain('\u001b[31mFAILED \u001b[39m  nft');
});
