import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { troubleOf } from '../errors.ts';
import { CONTROL_SOCKET } from '../process/paths.ts';
import { replaceFileAsync } from '../replace-file.ts';
import { REQUEST_BYTES, tooBig } from './bounds.ts';
import { type AnswerOf, OPERATIONS, type Operation, type RequestOf } from './operations.ts';
import { failedJson } from './report.ts';
import { parseRequest } from './request.ts';

const REQUEST_TIMEOUT_MS = 5000;

/** Who does what is asked. What they throw is the answer, too. */
export type Handlers = {
  readonly [O in Operation]: (request: RequestOf<O>) => Promise<AnswerOf<O>>;
};

/** Listens on the control socket, which is root's alone. An earlier forwarder's socket is replaced in one step. */
export async function startControlServer(handlers: Handlers, path = CONTROL_SOCKET): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, handlers));
  try {
    await replaceFileAsync(path, async (fresh) => {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(fresh, resolve);
      });
      chmodSync(fresh, 0o600);
    });
  } catch (error) {
    server.close();
    throw error;
  }
  return server;
}

function serve(socket: Socket, handlers: Handlers): void {
  let text = '';
  const timer = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT_MS);
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  // Before its line was complete there is nothing to answer.
  const ended = (): void => void socket.destroy();
  socket.on('end', ended);
  socket.on('close', () => clearTimeout(timer));
  socket.on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end < 0 && text.length <= REQUEST_BYTES) return;
    socket.removeAllListeners('data').off('end', ended);
    // What still comes is not heard, but taken: a reset would overtake the answer.
    socket.resume();
    if (end < 0 || end > REQUEST_BYTES) {
      socket.end(failureOf(tooBig('request', text.length, REQUEST_BYTES)));
      return;
    }
    clearTimeout(timer);
    void reply(text.slice(0, end), handlers).then((answer) => socket.end(answer));
  });
}

async function reply(line: string, handlers: Handlers): Promise<string> {
  try {
    const { op, request } = parseRequest(line);
    return await answerTo(op, request, handlers);
  } catch (error) {
    return failureOf(error);
  }
}

async function answerTo<O extends Operation>(
  op: O,
  request: RequestOf<O>,
  handlers: Handlers,
): Promise<string> {
  return JSON.stringify(OPERATIONS[op].answerJson(await handlers[op](request)));
}

function failureOf(error: unknown): string {
  return JSON.stringify(failedJson({ failed: troubleOf(error) }));
}
