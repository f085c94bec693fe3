import { TproxyError } from '../errors.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { isBridgeName } from '../model/names.ts';
import { parseSettings } from '../process/settings-json.ts';
import type { ControlRequest } from './ask.ts';

/**
 * A request from the control socket, one line of JSON. Only root can write there, possibly with another version of the program:
 * settings are read as those of another version are, and what is no request at all throws.
 */
export function parseControlRequest(line: string): ControlRequest {
  const { op, settings, byGuest, bridge, endpoints } = fieldsOf(line);
  switch (op) {
    case 'sync':
      return {
        op,
        settings: parseSettings(settings),
        ...(bridge === undefined ? {} : { bridge: nameOf(bridge) }),
      };
    case 'serves':
      return {
        op,
        bridge: nameOf(bridge),
        endpoints: parseEndpoints(endpoints),
        settings: parseSettings(settings),
      };
    case 'stats':
      return { op, byGuest: byGuest === true };
    case 'prepare':
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

function nameOf(bridge: unknown): string {
  if (typeof bridge === 'string' && isBridgeName(bridge)) return bridge;
  throw new TproxyError('the bridge of the request is no name', { code: 'PROTOCOL' });
}

function parseEndpoints(value: unknown): readonly Endpoint[] {
  if (Array.isArray(value) && value.every(isEndpoint)) return value;
  throw new TproxyError('the endpoints of the request are none', { code: 'PROTOCOL' });
}

function isEndpoint(value: unknown): value is Endpoint {
  if (!isRecord(value) || !isRecord(value.upstream)) return false;
  const { servicePort, upstream, comment } = value;
  return (
    typeof servicePort === 'number' &&
    typeof upstream.address === 'string' &&
    typeof upstream.port === 'number' &&
    (comment === undefined || typeof comment === 'string')
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : {};
  } catch (cause) {
    throw new TproxyError('the request is no JSON', { code: 'PROTOCOL', cause });
  }
}
