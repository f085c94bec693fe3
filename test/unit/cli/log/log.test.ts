import { describe, expect, it } from 'vitest';
import { type Filter, passes } from '../../../../src/cli/log/filter.ts';
import { formatEntry } from '../../../../src/cli/log/format.ts';
import { type Entry, parseEntry } from '../../../../src/cli/log/log-entry.ts';
import { styleFor } from '../../../../src/cli/text/style.ts';

const TIME = new Date(2026, 10, 22, 1, 58, 1, 7).getTime();
const CONNECTION = {
  level: 30,
  time: TIME,
  pid: 7,
  bridge: 'br0',
  service: '169.254.16.9:5030',
  service_port: 5030,
  guest: '192.168.150.11:40000',
  upstream: '10.11.12.13:5030',
  bytes_to_upstream: 100,
  bytes_to_guest: 2048,
  duration_ms: 12.34,
  outcome: 'closed',
  msg: 'connection finished',
};
const EVENT = {
  level: 40,
  time: TIME,
  pid: 7,
  bridge: 'br0',
  listener_pid: 9,
  reason: 'it died',
  msg: 'listener lost',
};

function entryOf(fields: object): Entry {
  const entry = parseEntry(JSON.stringify(fields));
  if (entry === undefined) throw new Error('not an entry');
  return entry;
}

describe('parseEntry', () => {
  it.each(
    [
      ['', '{', '[]', 'null', '"text"', '7', '{"level":30}', '{"level":30,"time":"now"}'],
      ['{"level":30,"time":9e15}', '{"level":30,"time":1,"msg":"cut o', 'Error: boom', '    at file:1:2'],
    ].flat(),
  )('passes over %j', (line) => expect(parseEntry(line)).toBeUndefined());

  it.each([
    [60, 'error'],
    [50, 'error'],
    [40, 'warning'],
    [30, 'info'],
    [20, 'debug'],
    [10, 'debug'],
  ])('level %d is %s', (level, word) => expect(entryOf({ level, time: 1 }).level).toBe(word));
});

describe('passes', () => {
  const cases: readonly (readonly [Filter, boolean, boolean])[] = [
    [{}, true, true],
    [{ bridges: [], services: [], guests: [], outcomes: [] }, true, true],
    [{ bridges: ['br0'] }, true, true],
    [{ bridges: ['br1'] }, false, false],
    [{ bridges: ['br1', 'br0'] }, true, true],
    [{ services: [5030] }, true, false],
    [{ services: [80] }, false, false],
    [{ guests: ['192.168.150.11'] }, true, false],
    [{ guests: ['192.168.150.11:40000'] }, true, false],
    [{ guests: ['192.168.150.1'] }, false, false],
    [{ outcomes: ['guest-reset', 'closed'] }, true, false],
    [{ outcomes: ['guest-reset'] }, false, false],
    [{ level: 'warning' }, false, true],
    [{ level: 'debug' }, true, true],
    [{ level: 'error' }, false, false],
    [{ bridges: ['br0'], services: [5030], outcomes: ['cut'] }, false, false],
  ];
  it.each(cases)('%j: connection %s, event %s', (filter, connection, event) => {
    expect(passes(entryOf(CONNECTION), filter)).toBe(connection);
    expect(passes(entryOf(EVENT), filter)).toBe(event);
  });
});

describe('formatEntry', () => {
  const plain = styleFor(false);
  it.each([
    [
      CONNECTION,
      '2026-11-22 01:58:01.007  br0  192.168.150.11:40000 → 5030 → 10.11.12.13:5030  100 B up, 2.00 KiB down  12 ms  closed',
    ],
    [
      { ...CONNECTION, upstream: null, outcome: 'no-endpoint', duration_ms: 0 },
      '2026-11-22 01:58:01.007  br0  192.168.150.11:40000 → 5030 → -  100 B up, 2.00 KiB down  0.0 ms  no-endpoint',
    ],
    [EVENT, '2026-11-22 01:58:01.007  br0  WARNING  listener lost  listener_pid=9 reason="it died"'],
    [
      { level: 50, time: TIME, err: { type: 'Error', message: 'no\nway', stack: 'long' }, msg: 'failed' },
      '2026-11-22 01:58:01.007  ERROR  failed  err="no\\nway"',
    ],
    [{ level: 30, time: TIME, msg: 'forwarder ready' }, '2026-11-22 01:58:01.007  INFO  forwarder ready'],
    [
      { ...EVENT, bridge: '\x1b[2J', msg: 'a\x07', reason: '\u202e' },
      '2026-11-22 01:58:01.007  \\x1b[2J  WARNING  a\\x07  listener_pid=9 reason=\\u202e',
    ],
  ])('%#', (fields, line) => expect(formatEntry(entryOf(fields), plain)).toBe(line));

  it('has colours where they are wanted', () => {
    expect(formatEntry(entryOf(EVENT), styleFor(true))).toContain('\x1b[33mWARNING\x1b[39m');
  });
});
