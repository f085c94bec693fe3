import type { Endpoint, Upstream } from '../../model/endpoint.ts';
import { SERVICE_ADDRESS } from '../../model/names.ts';
import type { Resolved } from '../../model/service.ts';
import { type Finding, failed, ok, skipped, warning } from '../check.ts';
import type { ProbeResult } from './probe.ts';

/** A name that takes longer than this delays deployments noticeably; after 2 s it counts as not resolved. */
const SLOW_NAME_MS = 500;

export function judgeName(name: string, answer: Resolved, ms: number): Finding {
  if ('reason' in answer) {
    return failed(answer.reason, answer.remedy ?? `ask the host's resolver: getent ahostsv4 ${name}`);
  }
  if (ms > SLOW_NAME_MS) {
    return warning(
      `${answer.address}, after ${Math.round(ms)} ms`,
      'check the name server, or write the address into the configuration',
    );
  }
  return ok(`${answer.address}, ${milliseconds(ms)}`);
}

/** A connection from the root namespace straight to the upstream. */
export function judgeUpstream({ address, port }: Upstream, direct: ProbeResult): Finding {
  const to = `${address}:${port}`;
  if (direct.outcome !== 'error') return ok(`accepts, ${milliseconds(direct.connectMs)}`);
  const { code = '' } = direct;
  if (code === 'ETIMEDOUT') {
    return failed(
      `${to} does not answer (waited ${milliseconds(direct.ms)})`,
      `look for a firewall between this host and ${address}, or a machine that is down: ping ${address}`,
    );
  }
  return failed(`${to}: ${WORDS[code] ?? code}`, remedyFor(code, { address, port }));
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  ECONNRESET: 'reset',
};

function remedyFor(code: string, { address, port }: Upstream): string {
  if (code === 'ECONNREFUSED') {
    return `nothing listens there: start the service on ${address}, or correct :remote_addr: and :remote_port: (${port})`;
  }
  return `check the route: ip route get ${address}`;
}

/**
 * The whole way, from inside the netns of the bridge: listening socket, forwarder, upstream. `direct`: the same upstream,
 * straight from the root namespace. `loUp`: without lo nothing inside the netns reaches its own address.
 */
export function judgeConnection(
  { servicePort, upstream }: Endpoint,
  result: ProbeResult | undefined,
  direct: ProbeResult,
  loUp: boolean,
): Finding {
  const service = `${SERVICE_ADDRESS}:${servicePort}`;
  const to = `${upstream.address}:${upstream.port}`;
  if (!loUp) {
    return skipped(
      'lo is down inside the netns, so nothing can connect from there; run tproxy apply, which brings it up',
    );
  }
  if (result === undefined)
    return failed('the probe inside the netns reported nothing', 'connect from a guest');
  const { outcome, code = '', taken, ms } = result;
  if (outcome === 'error') {
    const remedy =
      code === 'ECONNREFUSED' ? 'run tproxy reload' : 'run tproxy apply, which repairs the netns';
    return failed(`${service}: ${WORDS[code] ?? code}`, remedy);
  }
  if (outcome === 'answered' || outcome === 'ended') {
    return ok(`${to} answers through the proxy, ${milliseconds(ms)}`);
  }
  if (!taken) {
    return failed(`${service} accepts, but nobody takes the connection`, 'run tproxy restart');
  }
  const upstreamFinding = judgeUpstream(upstream, direct);
  if (upstreamFinding.verdict === 'failed') {
    const guests = outcome === 'reset' ? 'guests are reset' : 'guests are kept waiting';
    return failed(`${guests}: ${upstreamFinding.seen}`, upstreamFinding.remedy);
  }
  if (outcome === 'reset' && direct.outcome !== 'reset') {
    return failed(
      `${service} is reset, although ${to} accepts from this host`,
      `find out why: tproxy log --no-follow --service ${servicePort} --guest ${SERVICE_ADDRESS}`,
    );
  }
  return ok(`taken, and ${to} accepts; it waits for a request`);
}

function milliseconds(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
