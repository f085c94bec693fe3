/** pino's number of a level → its word here. */
export type Level = 'error' | 'warning' | 'info' | 'debug';

/** A line of a log, as far as it could be read. */
export interface Entry {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly level: Level;
  readonly msg: string;
  /** All fields, those above included. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The line of a finished connection. */
export interface Connection {
  readonly bridge: string;
  readonly servicePort: number;
  /** `address:port`. */
  readonly guest: string;
  /** `address:port`; undefined: nobody was dialled. */
  readonly upstream: string | undefined;
  readonly bytesToUpstream: number;
  readonly bytesToGuest: number;
  readonly durationMs: number;
  readonly outcome: string;
}

/** Reads a line of pino's JSON; undefined for a damaged one. */
export function parseEntry(line: string): Entry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = value as Record<string, unknown>;
  const { time, level, msg } = fields;
  if (typeof time !== 'number' || !isTime(time) || typeof level !== 'number') return undefined;
  return { time, level: levelOf(level), msg: typeof msg === 'string' ? msg : '', fields };
}

/** What a `Date` can show. */
function isTime(ms: number): boolean {
  return Math.abs(ms) <= 8.64e15;
}

function levelOf(level: number): Level {
  if (level >= 50) return 'error';
  if (level >= 40) return 'warning';
  return level >= 30 ? 'info' : 'debug';
}

/** The finished connection that an entry tells of; undefined when it tells of something else. */
export function connectionOf({ fields }: Entry): Connection | undefined {
  const { bridge, service_port: servicePort, guest, upstream, outcome } = fields;
  if (typeof outcome !== 'string' || typeof guest !== 'string' || typeof servicePort !== 'number')
    return undefined;
  const number = (key: string): number => {
    const value = fields[key];
    return typeof value === 'number' ? value : 0;
  };
  return {
    bridge: typeof bridge === 'string' ? bridge : '',
    servicePort,
    guest,
    upstream: typeof upstream === 'string' ? upstream : undefined,
    bytesToUpstream: number('bytes_to_upstream'),
    bytesToGuest: number('bytes_to_guest'),
    durationMs: number('duration_ms'),
    outcome,
  };
}
