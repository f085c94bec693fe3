import { TproxyError } from '../errors.ts';
import { asObject, type JsonObject, parseJson, UnreadableAnswerError } from '../system/json.ts';
import { REQUEST_BYTES, tooBig } from './bounds.ts';
import { isOperation, OPERATIONS, type Operation, type RequestOf } from './operations.ts';

/** A request as whoever serves hears it. */
export type Request = {
  readonly [O in Operation]: { readonly op: O; readonly request: RequestOf<O> };
}[Operation];

/** The request as one line of JSON. Throws when it is none, and when it does not fit. */
export function requestLine<O extends Operation>(op: O, request: RequestOf<O>): string {
  const line = `${JSON.stringify({ op, ...read(op, { ...request }) })}\n`;
  const bytes = Buffer.byteLength(line);
  if (bytes > REQUEST_BYTES) throw tooBig(`request ${op}`, bytes, REQUEST_BYTES);
  return line;
}

/** Only root can write to the socket, possibly with another version of the program. Throws on what is no request. */
export function parseRequest(line: string): Request {
  const { op, ...fields } = objectIn(line);
  if (isOperation(op)) return { op, request: read(op, fields) } as Request;
  throw new TproxyError('the running forwarder has another version and does not know this request', {
    code: 'PROTOCOL',
    remedy: 'run tproxy restart',
  });
}

function objectIn(line: string): JsonObject {
  try {
    return asObject(parseJson(line, 'request'), 'request', 'it');
  } catch (cause) {
    throw noRequest(cause);
  }
}

function read<O extends Operation>(op: O, fields: JsonObject): RequestOf<O> {
  try {
    return OPERATIONS[op].readRequest(fields, `request ${op}`);
  } catch (cause) {
    throw noRequest(cause);
  }
}

function noRequest(cause: unknown): unknown {
  if (!(cause instanceof UnreadableAnswerError)) return cause;
  const what = `control socket: not a valid request: ${cause.wrong}`;
  return new TproxyError(what, { code: 'PROTOCOL', remedy: 'run tproxy restart', cause });
}
