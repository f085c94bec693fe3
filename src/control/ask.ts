import { connect } from 'node:net';
import { TproxyError } from '../errors.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { Settings } from '../model/settings.ts';
import { CONTROL_SOCKET } from '../process/paths.ts';

/** What a command asks of the running forwarder: one JSON line. */
export type ControlRequest =
  /** Bring listeners and routes to what the endpoint maps say, or only the one of `bridge`. */
  | { readonly op: 'sync'; readonly settings: Settings; readonly bridge?: string }
  /** Is it so already that `bridge` is served with these endpoints, under these settings? Answered from memory. */
  | {
      readonly op: 'serves';
      readonly bridge: string;
      readonly endpoints: readonly Endpoint[];
      readonly settings: Settings;
    }
  /** Somebody is about to take over: let every bridge have its listener, so that no socket is with this process alone. */
  | { readonly op: 'prepare' }
  /** A successor has bound the sockets: hand it the listeners and finish the relays. */
  | { readonly op: 'yield' }
  | { readonly op: 'count' }
  /** `Stats`: what was counted, where asked for with the guests that were seen last. */
  | { readonly op: 'stats'; readonly byGuest: boolean }
  /** `RelayList`: living connections. */
  | { readonly op: 'relays' };

export interface BridgeReport {
  readonly bridge: string;
  /** Why it is not served. */
  readonly error?: string;
  /** Living relays, for `count`. */
  readonly relays?: number;
}

/** How a sync went, per bridge that has endpoints. */
export interface SyncReport {
  readonly ok: boolean;
  /** Why nothing could be read or done at all. */
  readonly error?: string;
  readonly bridges: readonly BridgeReport[];
  /** How many bridges are served by now, after a sync of one. */
  readonly served?: number;
  /** What an operator should hear, although guests are served. */
  readonly warnings?: readonly string[];
  /** Living relays, for `count`. */
  readonly relays?: number;
}

/** For a sync of hundreds of bridges. A forwarder that hangs is killed by its watch long before, which is heard at once. */
const ANSWER_TIMEOUT_MS = 120_000;

/**
 * Asks the running forwarder. Undefined when none listens on the control socket; rejects with code `NO_ANSWER` when it
 * does not answer in time, with `HUNG_UP` when it died meanwhile.
 */
export function askForwarder<T extends object = SyncReport>(
  request: ControlRequest,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(CONTROL_SOCKET);
    let answer = '';
    const fail = (what: string, code = 'HUNG_UP'): void => {
      socket.destroy();
      reject(new TproxyError(`forwarder ${what}; look at its log, or run tproxy restart`, { code }));
    };
    const timer = setTimeout(
      () => fail(`did not answer within ${timeoutMs / 1000} s`, 'NO_ANSWER'),
      timeoutMs,
    );
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else fail(`can't be asked (${error.message})`);
    });
    socket.on('end', () => {
      clearTimeout(timer);
      socket.destroy();
      try {
        resolve(JSON.parse(answer) as T);
      } catch {
        fail('hung up');
      }
    });
  });
}
