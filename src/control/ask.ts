import { connect } from 'node:net';
import { TproxyError } from '../errors.ts';
import { CONTROL_SOCKET } from '../process/paths.ts';
import { isObject, type JsonObject, parseJson, UnreadableAnswerError } from '../system/json.ts';
import { ANSWER_BYTES, tooBig } from './bounds.ts';
import { type AnswerOf, OPERATIONS, type Operation, type RequestOf } from './operations.ts';
import { errorOf, readFailed } from './report.ts';
import { requestLine } from './request.ts';

/** How asking can fail. */
export const AskCode = {
  /** It does not answer in time. */
  noAnswer: 'NO_ANSWER',
  /** It died meanwhile. */
  hungUp: 'HUNG_UP',
  /** It answers that it could not do it. */
  refused: 'REFUSED',
  /** It answers something that this version does not understand. */
  otherVersion: 'OTHER_VERSION',
} as const;

interface AskOptions {
  readonly timeoutMs?: number;
  readonly path?: string;
}

/**
 * Asks the running forwarder. Undefined when none listens on the control socket; rejects with a code of `AskCode`, or
 * `TOO_BIG`.
 */
export async function askForwarder<O extends Operation>(
  op: O,
  request: RequestOf<O>,
  { timeoutMs = OPERATIONS[op].answerMs, path = CONTROL_SOCKET }: AskOptions = {},
): Promise<AnswerOf<O> | undefined> {
  const text = await exchange(requestLine(op, request), op, timeoutMs, path);
  return text === undefined ? undefined : readAnswer(op, text);
}

/** What the forwarder has answered. Rejects when it says that it failed, and when it is of another version. */
export function readAnswer<O extends Operation>(op: O, text: string): AnswerOf<O> {
  const source = `answer to ${op}`;
  const fields = objectIn(text, source);
  const failure = readFailed(fields);
  if (failure !== undefined) throw errorOf(failure.failed, AskCode.refused);
  try {
    return OPERATIONS[op].readAnswer(fields, source);
  } catch (error) {
    throw error instanceof UnreadableAnswerError ? otherVersion(op, error) : error;
  }
}

function objectIn(text: string, source: string): JsonObject {
  try {
    const value = parseJson(text, source);
    if (isObject(value)) return value;
  } catch {
    // Half an answer: it died while it gave it.
  }
  throw gone('hung up', AskCode.hungUp);
}

/** The text of the answer; undefined when nobody listens. */
function exchange(line: string, op: Operation, timeoutMs: number, path: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const timer = setTimeout(
      () => end(() => reject(gone(`did not answer within ${timeoutMs / 1000} s`, AskCode.noAnswer))),
      timeoutMs,
    );
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(line));
    socket.on('data', (chunk: string) => {
      answer += chunk;
      if (answer.length > ANSWER_BYTES)
        end(() => reject(tooBig(`answer to ${op}`, answer.length, ANSWER_BYTES)));
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(() => {
        if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
        else reject(gone(`can't be asked (${error.message})`, AskCode.hungUp));
      }),
    );
    socket.on('end', () => end(() => resolve(answer)));
  });
}

function gone(what: string, code: string): TproxyError {
  return new TproxyError(`forwarder ${what}`, { code, remedy: 'read its log, or run tproxy restart' });
}

function otherVersion(op: Operation, cause: UnreadableAnswerError): TproxyError {
  return new TproxyError(`the running forwarder has another version (answer to ${op}: ${cause.wrong})`, {
    code: AskCode.otherVersion,
    remedy: 'run tproxy restart',
    cause,
  });
}
