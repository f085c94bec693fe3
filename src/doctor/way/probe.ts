import { connect } from 'node:net';
import type { TcpSocket } from '../look/sockets.ts';

/** For a handshake, with an upstream or a listening socket. */
export const CONNECT_MS = 2000;
/** How long an upstream that has accepted may stay silent before it counts as waiting for a request. */
export const SILENCE_MS = 300;
/** Connections at once: two thousand together keep one another waiting for longer than any of them may take. */
export const PROBES_AT_ONCE = 256;

/** Milliseconds that so many connections take when none gets an answer, besides what starting a program takes. */
export function probingMs(count: number): number {
  return Math.ceil(count / PROBES_AT_ONCE) * (CONNECT_MS + SILENCE_MS);
}

/** One connection to try. */
export interface ProbeRequest {
  readonly address: string;
  readonly port: number;
  /** For the handshake with the listening socket. */
  readonly connectMs: number;
  /** Afterwards, for a word from the other end. */
  readonly silenceMs: number;
}

export interface ProbeResult {
  readonly port: number;
  /**
   * `answered`: bytes came. `ended`: the other end closed after we had. `silent`: still open at the end. `reset`: broken off
   * after it had been accepted. `error`: no connection at all; `code` says why.
   */
  readonly outcome: 'answered' | 'ended' | 'silent' | 'reset' | 'error';
  readonly code?: string;
  /** Some process has taken it from the queue. */
  readonly taken: boolean;
  /** Milliseconds until it was accepted, 0 when it was not, and until the outcome. */
  readonly connectMs: number;
  readonly ms: number;
}

/**
 * Connects, says nothing and closes its half, as a health check does: an upstream that speaks first, or hangs up when
 * nothing comes, is heard through the whole way. `sockets` gives those of the netns.
 */
export function probe(request: ProbeRequest, sockets: () => readonly TcpSocket[]): Promise<ProbeResult> {
  const { address, port, connectMs, silenceMs } = request;
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = connect({ host: address, port, allowHalfOpen: true });
    let local: string | undefined;
    let acceptedAt = began;
    const end = (outcome: ProbeResult['outcome'], code?: string): void => {
      clearTimeout(timer);
      const taken =
        outcome === 'silent' ? isTaken(sockets(), `${address}:${port}`, local) : outcome !== 'error';
      const ms = performance.now() - began;
      socket.removeAllListeners();
      // What still comes is nobody's business.
      socket.on('error', () => undefined);
      socket.destroy();
      resolve({
        port,
        outcome,
        taken,
        connectMs: acceptedAt - began,
        ms,
        ...(code === undefined ? {} : { code }),
      });
    };
    let timer = setTimeout(() => end('error', 'ETIMEDOUT'), connectMs);
    socket.once('connect', () => {
      acceptedAt = performance.now();
      local = `${socket.localAddress}:${socket.localPort}`;
      clearTimeout(timer);
      timer = setTimeout(() => end('silent'), silenceMs);
      socket.end();
    });
    socket.once('data', () => end('answered'));
    socket.once('end', () => end('ended'));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const code = error.code ?? error.message;
      // A connection that was never accepted is refused, not reset: this one was broken off before we heard of it.
      const accepted = local !== undefined || code === 'ECONNRESET';
      end(accepted ? 'reset' : 'error', code);
    });
    socket.resume();
  });
}

/** True when the socket at the other end of our connection belongs to a process. */
export function isTaken(sockets: readonly TcpSocket[], service: string, local: string | undefined): boolean {
  return sockets.some((socket) => socket.local === service && socket.remote === local && socket.inode !== 0);
}
