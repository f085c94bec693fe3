import { escapeForTerminal } from '../text/escape.ts';
import type { Style } from '../text/style.ts';
import { formatBytes, formatDuration } from '../text/units.ts';
import { type Connection, connectionOf, type Entry } from './log-entry.ts';

/** Fields that stand elsewhere in the line or tell nobody anything. */
const SHOWN_APART = new Set(['time', 'level', 'msg', 'pid', 'bridge']);
const LEVEL_WORDS = { error: 'ERROR', warning: 'WARNING', info: 'INFO', debug: 'DEBUG' } as const;

/** An entry as one line for people; times are those of this machine's time zone. */
export function formatEntry(entry: Entry, style: Style): string {
  const time = style.dim(formatTime(entry.time));
  const connection = connectionOf(entry);
  const rest = connection === undefined ? formatEvent(entry, style) : formatConnection(connection, style);
  return `${time}  ${rest}`;
}

function formatConnection(connection: Connection, style: Style): string {
  const { bridge, guest, servicePort, upstream, outcome } = connection;
  const way = [guest, String(servicePort), upstream ?? '-'].map(escapeForTerminal).join(' → ');
  const bytes = `${formatBytes(connection.bytesToUpstream)} up, ${formatBytes(connection.bytesToGuest)} down`;
  const word = escapeForTerminal(outcome);
  return [
    style.bold(escapeForTerminal(bridge)),
    way,
    bytes,
    formatDuration(connection.durationMs),
    outcome === 'closed' ? style.good(word) : style.warning(word),
  ].join('  ');
}

function formatEvent({ level, msg, fields }: Entry, style: Style): string {
  const paint = { error: style.bad, warning: style.warning, info: style.good, debug: style.dim }[level];
  const { bridge } = fields;
  const details = Object.entries(fields)
    .filter(([key]) => !SHOWN_APART.has(key))
    .map(([key, value]) => `${escapeForTerminal(key)}=${formatValue(value)}`);
  return [
    ...(typeof bridge === 'string' ? [style.bold(escapeForTerminal(bridge))] : []),
    paint(LEVEL_WORDS[level]),
    escapeForTerminal(msg),
    ...(details.length === 0 ? [] : [style.dim(details.join(' '))]),
  ].join('  ');
}

/** Words as they are, the message of an error, JSON of everything else. */
function formatValue(value: unknown): string {
  if (
    typeof value === 'object' &&
    value !== null &&
    'message' in value &&
    typeof value.message === 'string'
  ) {
    return formatValue(value.message);
  }
  const plain = typeof value === 'string' && /^[^\s"=]+$/.test(value);
  return escapeForTerminal(plain ? value : JSON.stringify(value));
}

/** `2026-11-22 01:58:01.123` */
function formatTime(ms: number): string {
  const at = new Date(ms);
  const two = (number: number, digits = 2): string => String(number).padStart(digits, '0');
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => two(part)).join(':');
  return `${date} ${time}.${two(at.getMilliseconds(), 3)}`;
}
