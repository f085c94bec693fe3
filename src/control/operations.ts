import type { Endpoint } from '../model/endpoint.ts';
import { isBridgeName } from '../model/names.ts';
import type { Settings } from '../model/settings.ts';
import { type RelayList, STATS_VERSION, type Stats } from '../model/stats.ts';
import { parseSettings } from '../process/settings-json.ts';
import {
  asArray,
  asInteger,
  asObject,
  asString,
  excerpt,
  type JsonObject,
  UnreadableAnswerError,
} from '../system/json.ts';
import { readSyncReport, type SyncReport, syncReportJson } from './report.ts';

/** What a command asks of the running forwarder, and what it is answered. */
export interface Operations {
  /** Bring listeners and routes to what the endpoint maps say, or only the one of `bridge`. */
  readonly sync: Shape<{ readonly settings: Settings; readonly bridge?: string }, SyncReport>;
  /** Is it so already that `bridge` is served with these endpoints, under these settings? Answered from memory. */
  readonly serves: Shape<
    { readonly bridge: string; readonly endpoints: readonly Endpoint[]; readonly settings: Settings },
    { readonly served: boolean }
  >;
  /** Somebody is about to take over: let every bridge have its listener, so that no socket is with this process alone. */
  readonly prepare: Shape<Nothing, Nothing>;
  /** A successor has bound the sockets: hand it the listeners and finish the relays. */
  readonly yield: Shape<Nothing, Nothing>;
  readonly count: Shape<Nothing, RelayCount>;
  /** What was counted, where asked for with the guests that were seen last. */
  readonly stats: Shape<{ readonly byGuest: boolean }, Stats>;
  /** Living connections. */
  readonly relays: Shape<Nothing, RelayList>;
}

export type Operation = keyof Operations;
export type RequestOf<O extends Operation> = Operations[O]['request'];
export type AnswerOf<O extends Operation> = Operations[O]['answer'];

interface Shape<Request, Answer> {
  readonly request: Request;
  readonly answer: Answer;
}

type Nothing = Readonly<Record<string, never>>;

/** Living relays. */
export interface RelayCount {
  readonly relays: number;
  readonly bridges: readonly { readonly bridge: string; readonly relays: number }[];
}

/**
 * How an operation travels. Both sides read both ways through it: whoever sends picks out what belongs to the operation and
 * nothing else, whoever receives believes nothing. `read…` throw on what is none of the operation.
 */
interface Form<O extends Operation> {
  readRequest(fields: JsonObject, source: string): RequestOf<O>;
  /** As older versions read it, too. */
  answerJson(answer: AnswerOf<O>): object;
  readAnswer(fields: JsonObject, source: string): AnswerOf<O>;
  /** How long whoever asks waits. */
  readonly answerMs: number;
}

/** For a sync of hundreds of bridges. A forwarder that hangs is killed by its watch long before, which is heard at once. */
const SYNC_MS = 120_000;
/** A forwarder that takes longer to hand over is hung. */
const YIELD_MS = 8000;
const MEMORY_MS = 10_000;
const COUNT_MS = 2000;
const STATS_MS = 5000;

const nothing = (): Nothing => ({});
const done = (): object => ({ ok: true, bridges: [] });

export const OPERATIONS: { readonly [O in Operation]: Form<O> } = {
  sync: {
    readRequest: ({ settings, bridge }, source) => ({
      settings: parseSettings(settings),
      ...(bridge === undefined ? {} : { bridge: asBridge(bridge, source) }),
    }),
    answerJson: syncReportJson,
    readAnswer: readSyncReport,
    answerMs: SYNC_MS,
  },
  serves: {
    readRequest: ({ bridge, endpoints, settings }, source) => ({
      bridge: asBridge(bridge, source),
      endpoints: asArray(endpoints, source, '"endpoints"').map((one) => readEndpoint(one, source)),
      settings: parseSettings(settings),
    }),
    answerJson: ({ served }) => ({ ok: served, bridges: [] }),
    readAnswer: ({ ok }, source) => ({ served: asBoolean(ok, source, '"ok"') }),
    answerMs: MEMORY_MS,
  },
  prepare: { readRequest: nothing, answerJson: done, readAnswer: nothing, answerMs: YIELD_MS },
  yield: { readRequest: nothing, answerJson: done, readAnswer: nothing, answerMs: YIELD_MS },
  count: {
    readRequest: nothing,
    answerJson: (count) => ({ ok: true, ...count }),
    readAnswer: ({ relays, bridges }, source) => ({
      relays: asInteger(relays, source, '"relays"'),
      bridges: asArray(bridges, source, '"bridges"').map((one) => readBridgeCount(one, source)),
    }),
    answerMs: COUNT_MS,
  },
  stats: {
    readRequest: ({ byGuest }) => ({ byGuest: byGuest === true }),
    answerJson: (stats) => stats,
    readAnswer: (fields, source) => {
      demandVersion(fields, source);
      for (const one of asArray(fields.bridges, source, '"bridges"')) {
        asArray(asObject(one, source, 'a bridge').services, source, 'the services of a bridge');
      }
      asObject(fields.health, source, '"health"');
      // The version says that it has the form of ours; whoever runs it is root, as we are.
      return fields as unknown as Stats;
    },
    answerMs: STATS_MS,
  },
  relays: {
    readRequest: nothing,
    answerJson: (list) => list,
    readAnswer: (fields, source) => {
      demandVersion(fields, source);
      asArray(fields.relays, source, '"relays"');
      return fields as unknown as RelayList;
    },
    answerMs: STATS_MS,
  },
};

export function isOperation(word: unknown): word is Operation {
  return typeof word === 'string' && Object.hasOwn(OPERATIONS, word);
}

function demandVersion({ stats }: JsonObject, source: string): void {
  if (stats === STATS_VERSION) return;
  throw new UnreadableAnswerError(source, `its statistics have form ${excerpt(stats)}, not ${STATS_VERSION}`);
}

function asBridge(value: unknown, source: string): string {
  if (typeof value === 'string' && isBridgeName(value)) return value;
  throw new UnreadableAnswerError(source, `"bridge" is ${excerpt(value)}, not the name of a bridge`);
}

function asBoolean(value: unknown, source: string, what: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new UnreadableAnswerError(source, `${what} is ${excerpt(value)}, not true or false`);
}

function readEndpoint(value: unknown, source: string): Endpoint {
  const { servicePort, upstream, comment } = asObject(value, source, 'an endpoint');
  const { address, port } = asObject(upstream, source, 'the upstream of an endpoint');
  return {
    servicePort: asInteger(servicePort, source, 'a service port'),
    upstream: {
      address: asString(address, source, 'the address of an upstream'),
      port: asInteger(port, source, 'the port of an upstream'),
    },
    ...(comment === undefined ? {} : { comment: asString(comment, source, 'the comment of an endpoint') }),
  };
}

function readBridgeCount(value: unknown, source: string): RelayCount['bridges'][number] {
  const { bridge, relays } = asObject(value, source, 'the count of a bridge');
  return {
    // Of one that has gone meanwhile nobody knows the name.
    bridge: asString(bridge, source, 'the name of a bridge'),
    relays: asInteger(relays, source, 'the count of a bridge'),
  };
}
