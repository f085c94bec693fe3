import { join } from 'node:path';
import { run } from '../host/run.ts';
import { HTTP_PORT } from '../topology/ports.ts';
import type { Context, Subject } from './figure.ts';

export interface WrkReport {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** CPU seconds of the peer. */
  readonly cpuSeconds: number;
}

/** Failed requests in 100 that are a note; more than that, and the peer does not serve. */
const TOLERATED_PERCENT = 1;

export interface Load {
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: readonly string[];
  /** What a connection waits between an answer and its next request. */
  readonly thinkMs?: number;
}

/** One wrk thread: the machine has few cores, and the proxy and the upstream need them. */
export async function wrk(
  { target, asGuest, peer, hypervisor }: Subject,
  { root, note }: Pick<Context, 'root' | 'note'>,
  { connections, seconds, headers = [], thinkMs }: Load,
): Promise<WrkReport> {
  const script = join(root, 'bench/clients/wrk-report.lua');
  const argv = [...asGuest, 'wrk', '-t', '1', '-c', String(connections), '-d', `${seconds}s`, '-s', script];
  for (const header of headers) argv.push('-H', header);
  const before = hypervisor.cpuSeconds();
  argv.push(`http://${target}:${HTTP_PORT}/`, ...(thinkMs === undefined ? [] : ['--', String(thinkMs)]));
  const output = await run(argv, { timeoutMs: (seconds + 10) * 1000 });
  const cpuSeconds = hypervisor.cpuSeconds() - before;

  const line = /^report (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`${peer.label}: wrk reported nothing: ${output.trim()}`);
  const report = new Map(
    line.split(' ').map((field) => [field.split('=')[0] ?? '', Number(field.split('=')[1])]),
  );
  const of = (key: string) => report.get(key) ?? Number.NaN;

  const errors = ['connect', 'read', 'write', 'timeout', 'status'].filter((kind) => of(kind) > 0);
  const failed = errors.reduce((sum, kind) => sum + of(kind), 0);
  const percent = (100 * failed) / Math.max(1, of('requests'));
  if (failed > 0) {
    const text = `${peer.label}, ${connections} connections${headers.length > 0 ? ', closing' : ''}: ${failed} of ${of('requests')} requests failed (${errors.map((kind) => `${kind} ${of(kind)}`).join(', ')})`;
    if (percent > TOLERATED_PERCENT) throw new Error(text);
    note(text);
  }
  return {
    requests: of('requests'),
    perSecond: of('requests') / (of('microseconds') / 1e6),
    p50Us: of('p50'),
    p99Us: of('p99'),
    cpuSeconds,
  };
}
