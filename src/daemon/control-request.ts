import { TproxyError } from '../errors.ts';
import type { ControlRequest } from './control.ts';
import { parseSettings } from './settings.ts';

/**
 * A request from the control socket, one line of JSON. Only root can write there, possibly with another version of the program:
 * settings are read as those of another version are, and what is no request at all throws.
 */
export function parseControlRequest(line: string): ControlRequest {
  const { op, settings, byGuest } = fieldsOf(line);
  switch (op) {
    case 'sync':
      return { op, settings: parseSettings(settings) };
    case 'stats':
      return { op, byGuest: byGuest === true };
    case 'yield':
    case 'count':
    case 'relays':
      return { op };
    default:
      throw new TproxyError('unknown request; the running forwarder is of another version: tproxy restart', {
        code: 'PROTOCOL',
      });
  }
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch (cause) {
    throw new TproxyError('the request is no JSON', { code: 'PROTOCOL', cause });
  }
}
