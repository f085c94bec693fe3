import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { messageOf, TproxyError, type Trouble, troubleOf } from '../errors.ts';
import { type ListenAddress, parseListenAddress } from '../model/listen-address.ts';
import type { Stats } from '../model/stats.ts';
import { replaceFileAsync } from '../replace-file.ts';
import { endpointFamilies, familiesOf } from './families.ts';
import { METRICS_CONTENT_TYPE, metricsText } from './text.ts';

/** Scrapers at once; more are hung up on. */
const CONNECTIONS_AT_MOST = 32;
/** For a request to come and its answer to be taken. One request a connection. */
const CONNECTION_MS = 10_000;
const HEADER_BYTES = 8192;
/** The text is made once for all who ask within this time. */
const FRESH_MS = 1000;

/** Serves `GET /metrics`. Whoever asks slowly, often or for nonsense costs a socket for some seconds. */
export class MetricsServer {
  private readonly look: () => Promise<Stats>;
  private readonly server: Server;
  private readonly address: ListenAddress;
  private text: Promise<string> | undefined;

  private constructor(address: ListenAddress, look: () => Promise<Stats>) {
    this.address = address;
    this.look = look;
    this.server = createServer(
      {
        maxHeaderSize: HEADER_BYTES,
        headersTimeout: CONNECTION_MS / 2,
        requestTimeout: CONNECTION_MS / 2,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => void this.answer(request, response),
    );
    this.server.maxConnections = CONNECTIONS_AT_MOST;
    this.server.on('connection', (socket) => {
      const late = setTimeout(() => socket.destroy(), CONNECTION_MS);
      socket.once('close', () => clearTimeout(late));
    });
  }

  /** Resolves when it listens; rejects with a message for operators when it can't. */
  static async start(listen: string, look: () => Promise<Stats>): Promise<MetricsServer> {
    const address = parseListenAddress(listen);
    if (address === undefined)
      throw new TproxyError(`metrics: ${listen}: not an address to listen on`, {
        remedy: 'run tproxy check',
      });
    const server = new MetricsServer(address, look);
    try {
      await server.open();
      return server;
    } catch (error) {
      server.close();
      const { what, remedy } = explain(error);
      throw new TproxyError(`metrics: ${listen}: ${what}`, { remedy, cause: error });
    }
  }

  close(): void {
    if (this.address.kind === 'unix' && this.server.listening) rmSync(this.address.path, { force: true });
    this.server.close();
    this.server.closeAllConnections();
  }

  private async open(): Promise<void> {
    if (this.address.kind === 'tcp') {
      await this.listen({ host: this.address.host, port: this.address.port, ipv6Only: true });
      return;
    }
    const { path } = this.address;
    await demandFree(path);
    await replaceFileAsync(path, async (fresh) => {
      await this.listen({ path: fresh });
      // As open as a port of 127.0.0.1 would be; the directory may say otherwise.
      chmodSync(fresh, 0o666);
    });
  }

  private listen(where: Parameters<Server['listen']>[0]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(where, () => {
        this.server.off('error', reject);
        // Out of descriptors for a moment, say: scrapers come again.
        this.server.on('error', () => undefined);
        resolve();
      });
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const say = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
      const body = Buffer.from(text);
      response.writeHead(status, {
        'content-type': type,
        'content-length': body.length,
        connection: 'close',
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    response.on('error', () => undefined);
    if (request.method !== 'GET' && request.method !== 'HEAD') return say(405, 'GET and HEAD only\n');
    if (request.url?.split('?')[0] !== '/metrics') return say(404, 'the metrics are at /metrics\n');
    try {
      say(200, await this.current(), METRICS_CONTENT_TYPE);
    } catch (error) {
      say(503, `${messageOf(error)}\n`);
    }
  }

  private current(): Promise<string> {
    if (this.text === undefined) {
      this.text = this.look().then((stats) =>
        metricsText([...familiesOf(stats), ...endpointFamilies(endpointsIn(stats))]),
      );
      const forget = (): void => {
        this.text = undefined;
      };
      this.text.then(() => setTimeout(forget, FRESH_MS).unref(), forget);
    }
    return this.text;
  }
}

/** Service ports that the forwarder has read from nft. */
function endpointsIn({ bridges }: Stats): number {
  return bridges.flatMap(({ services }) => services).filter(({ upstream }) => upstream !== undefined).length;
}

/** Rejects when something else than a socket that nobody listens on is at `path`. */
async function demandFree(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new TproxyError('exists and is not a socket', { remedy: OTHER_PATH });
  const isServed = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => resolve(true));
    socket.once('connect', () => socket.destroy()).once('error', () => resolve(false));
  });
  if (isServed) throw new TproxyError('another program listens there', { remedy: OTHER_PATH });
}

const OTHER_PATH = 'choose another path';

function explain(error: unknown): Trouble {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return {
        what: 'another program listens there',
        remedy: 'choose another port, or stop that program (ss -ltnp names it)',
      };
    case 'EADDRNOTAVAIL':
      return { what: 'not an address of this host', remedy: 'choose one that it has (ip address)' };
    case 'EACCES':
    case 'ENOENT':
      return { what: `can't be listened on (${code})`, remedy: 'check the directory' };
    default:
      return troubleOf(error);
  }
}
