import { TproxyError, type Trouble } from '../errors.ts';
import { asArray, asObject, asString, isObject, type JsonObject } from '../system/json.ts';

export interface BridgeReport {
  readonly bridge: string;
  /** Why it is not served. */
  readonly trouble?: Trouble;
}

/** How a sync went. */
export interface SyncReport {
  /** Each bridge that was to be served. */
  readonly bridges: readonly BridgeReport[];
  /** How many bridges are served by now, others included. */
  readonly served: number;
  /** What an operator should hear, although guests are served. */
  readonly warnings: readonly string[];
}

/** In place of an answer: nothing could be done at all. */
export interface Failed {
  readonly failed: Trouble;
}

export function errorOf({ what, remedy }: Trouble, code = 'FAILED'): TproxyError {
  return new TproxyError(what, { code, remedy });
}

export function holds({ bridges }: SyncReport): boolean {
  return bridges.every(({ trouble }) => trouble === undefined);
}

// The form in JSON. `ok` and `error`, the whole message as text, are what versions before this one read; in answers of such
// a version there is no `trouble` beside `error`.

export function failedJson({ failed }: Failed): JsonObject {
  return { ok: false, ...troubleJson(failed), bridges: [] };
}

/** Undefined when `answer` is none of a failure. */
export function readFailed(answer: JsonObject): Failed | undefined {
  const failed = readTrouble(answer);
  return failed === undefined ? undefined : { failed };
}

export function syncReportJson(report: SyncReport): JsonObject {
  const bridges = report.bridges.map(({ bridge, trouble }) => ({ bridge, ...troubleJson(trouble) }));
  return { ...report, ok: holds(report), bridges };
}

export function readSyncReport({ bridges, served, warnings = [] }: JsonObject, source: string): SyncReport {
  const list = asArray(bridges, source, 'the list of bridges').map((one): BridgeReport => {
    const fields = asObject(one, source, 'the report of a bridge');
    const bridge = asString(fields.bridge, source, 'the name of a bridge');
    const trouble = readTrouble(fields);
    return trouble === undefined ? { bridge } : { bridge, trouble };
  });
  return {
    bridges: list,
    served: typeof served === 'number' ? served : list.length,
    warnings: asArray(warnings, source, 'the list of warnings').map((text) =>
      asString(text, source, 'a warning'),
    ),
  };
}

function troubleJson(trouble: Trouble | undefined): JsonObject {
  return trouble === undefined ? {} : { error: errorOf(trouble).message, trouble };
}

function readTrouble({ error, trouble }: JsonObject): Trouble | undefined {
  if (isObject(trouble) && typeof trouble.what === 'string') {
    const { what, remedy } = trouble;
    return typeof remedy === 'string' ? { what, remedy } : { what };
  }
  return typeof error === 'string' ? { what: error } : undefined;
}
