import { parseRequest } from '../../../src/control/request.ts';
import {
  MessageType,
  PROTOCOL_VERSION,
  parseConfigure,
  parseHello,
  parseListening,
  readJson,
  readType,
} from '../../../src/dataplane/handover.ts';
import { incoming, MESSAGE_BYTES } from '../../../src/linux/descriptor-passing.ts';
import { DEFAULT_SETTINGS } from '../../../src/model/settings.ts';
import { answerOf, demand, isPort } from '../demand.ts';
import type { Target } from '../target.ts';

export const control: Target = {
  name: 'control',
  samples: [
    JSON.stringify({
      op: 'sync',
      settings: { ...DEFAULT_SETTINGS, limits: { guestRate: 1 }, processOwner: 'nobody' },
    }),
    '{"op":"stats","byGuest":true}',
    '{"op":"yield"}',
  ],
  words: ['"op"', '"sync"', '"settings"', '"limits"', '"debugLevel"', '"count"', '"relays"', '1e308'],
  judge(input) {
    const request = answerOf(() => parseRequest(input));
    if (request?.op === 'sync') {
      const { debugLevel, limits, processOwner, metricsListen, ...seconds } = request.request.settings;
      demand([0, 1, 2, 3].includes(debugLevel), `debug level ${debugLevel}`);
      for (const value of Object.values(seconds))
        demand(Number(value) >= 0 && Number(value) <= 604_800, `${value} s`);
      for (const value of Object.values(limits))
        demand(Number.isInteger(value) && Number(value) >= 0, `limit ${value}`);
      demand(processOwner === undefined || typeof processOwner === 'string', 'owner');
      demand(metricsListen === undefined || typeof metricsListen === 'string', 'metrics');
    }
    return request !== undefined;
  },
};

const message = (type: number, body = ''): string =>
  `${String.fromCharCode(type, PROTOCOL_VERSION, 0, 0)}${body}`;

/** Both directions: what the forwarder and the listener make of the same bytes. */
export const handover: Target = {
  name: 'handover',
  samples: [
    message(MessageType.hello, '{"bridge":"br0"}'),
    message(
      MessageType.configure,
      '{"ports":[80,443],"sockets":[80],"more":false,"keepaliveS":60,"logLevel":2}',
    ),
    message(
      MessageType.listening,
      '{"ports":[80],"sockets":[80],"more":true,"failures":[{"port":443,"reason":"EADDRINUSE"}]}',
    ),
    message(MessageType.pong),
  ],
  words: [
    '"ports"',
    '"sockets"',
    '"more"',
    '"failures"',
    '"reason"',
    '[80]',
    '\x01',
    '\x02',
    '\x10',
    '\x01\x01\0\0',
    '65535',
  ],
  judge(input) {
    const length = Math.min(incoming.bytes.write(input, 'latin1'), MESSAGE_BYTES);
    const type = answerOf(() => readType(length));
    if (type === undefined) return false;
    const body = answerOf(() => readJson(length));
    const hello = answerOf(() => parseHello(body));
    const configure = answerOf(() => parseConfigure(body));
    const listening = answerOf(() => parseListening(body));
    for (const ports of [configure?.ports, configure?.sockets, listening?.ports, listening?.sockets]) {
      demand(ports === undefined || ports.every((port) => isPort(port) && port > 0), 'ports');
    }
    for (const { reason } of listening?.failures ?? []) demand(reason.length <= 200, 'reason');
    return hello !== undefined || configure !== undefined || listening !== undefined;
  },
};
