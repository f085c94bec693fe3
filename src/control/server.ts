import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { messageOf } from '../errors.ts';
import type { RelayList, Stats } from '../model/stats.ts';
import { CONTROL_SOCKET } from '../process/paths.ts';
import { replaceFileAsync } from '../replace-file.ts';
import type { ControlRequest, SyncReport } from './ask.ts';
import { parseControlRequest } from './requests.ts';

const REQUEST_BYTES = 64 * 1024;
const REQUEST_TIMEOUT_MS = 5000;

export type Answer = (request: ControlRequest) => Promise<SyncReport | Stats | RelayList>;

/** Listens on the control socket, which is root's alone. An earlier forwarder's socket is replaced in one step. */
export async function startControlServer(answer: Answer, path = CONTROL_SOCKET): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, answer));
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

function serve(socket: Socket, answer: Answer): void {
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
    if (text.length > REQUEST_BYTES) socket.destroy();
    const end = text.indexOf('\n');
    if (end < 0 || socket.destroyed) return;
    clearTimeout(timer);
    socket.removeAllListeners('data').off('end', ended);
    void reply(text.slice(0, end), answer).then((report) => socket.end(JSON.stringify(report)));
  });
}

async function reply(line: string, answer: Answer): ReturnType<Answer> {
  try {
    return await answer(parseControlRequest(line));
  } catch (error) {
    return { ok: false, error: messageOf(error), bridges: [] };
  }
}
