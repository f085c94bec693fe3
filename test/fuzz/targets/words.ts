import { connectionOf, parseEntry } from '../../../src/cli/log/log-entry.ts';
import { escapeForTerminal } from '../../../src/cli/text/escape.ts';
import { LineLog } from '../../../src/listener/line-log.ts';
import { parseListenAddress } from '../../../src/model/listen-address.ts';
import {
  bridgeOfArpChain,
  bridgeOfEndpointMap,
  bridgeOfNetns,
  isBridgeName,
} from '../../../src/model/names.ts';
import { demand } from '../demand.ts';
import type { Target } from '../target.ts';
import { lastWritten, logDescriptor } from './log-descriptor.ts';

/** What comes in arguments and in the environment under sudo: names and addresses. */
export const names: Target = {
  name: 'names',
  samples: [
    'br0',
    'ep_br0',
    'one_tproxy_br0',
    'onebr0.1234',
    '127.0.0.1:9516',
    'unix:/run/one_tproxy/metrics.sock',
    '[::1]:80',
  ],
  words: ['ep_', 'ch_', 'one_tproxy_', 'br', 'unix:', '/', '..', ':', '-'],
  judge(input) {
    const bridges = [input, bridgeOfEndpointMap(input), bridgeOfArpChain(input), bridgeOfNetns(input)];
    const sound = bridges.filter((bridge) => bridge !== undefined && isBridgeName(bridge));
    // Goes into a command line, a path and an nft text as it is.
    for (const bridge of sound)
      demand(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(bridge ?? ''), `bridge ${bridge}`);
    return sound.length > 0 || parseListenAddress(input) !== undefined;
  },
};

/** A name that stands in a log or on a terminal: it forges no line and drives no terminal. */
export const log: Target = {
  name: 'log',
  samples: [
    'private',
    '{"level":50,"time":1,"msg":"forged"}',
    '\x1b[2J\x1b]0;title\x07',
    'a\n{"level":50}\r\n',
    '\u009b31m\u202e',
  ],
  words: ['\n', '\r', '\x1b', '\u009b', '\x07', '\u2028', '\u202e', '{"level":50,"time":1}', '"', '\\'],
  judge(input) {
    const shown = escapeForTerminal(input);
    demand(
      !/[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/.test(shown),
      `on a terminal: ${JSON.stringify(shown)}`,
    );
    new LineLog(logDescriptor, 3, { bridge: input }).warn(input, { reason: input });
    const line = lastWritten();
    demand(
      line.indexOf('\n') === line.length - 1 && !line.includes('\x1b'),
      `in a log: ${JSON.stringify(line)}`,
    );
    const entry = parseEntry(line);
    demand(entry?.level === 'warning' && entry.msg === input, 'the log is read as it was written');
    if (entry !== undefined) connectionOf(entry);
    const forged = parseEntry(input);
    if (forged !== undefined) connectionOf(forged);
    return true;
  },
};
