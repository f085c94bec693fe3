import { fileURLToPath } from 'node:url';
import { netnsName, SERVICE_ADDRESS } from '../../model/names.ts';
import { netnsPath } from '../../process/paths.ts';
import { asArray, parseJson } from '../../system/json.ts';
import type { Run } from '../../system/run.ts';
import { CONNECT_MS, type ProbeRequest, type ProbeResult, probingMs, SILENCE_MS } from './probe.ts';

/** A service port, and how its upstream did when it was dialled straight. */
export interface Dialled {
  readonly servicePort: number;
  readonly direct: ProbeResult;
}

/** Connects to service ports from inside the netns of a bridge, with a program of its own: one process for all ports. */
export async function probeInside(
  run: Run,
  bridge: string,
  dialled: readonly Dialled[],
): Promise<readonly ProbeResult[]> {
  const requests = dialled.map(
    ({ servicePort, direct }): ProbeRequest => ({
      address: SERVICE_ADDRESS,
      port: servicePort,
      connectMs: CONNECT_MS,
      // The forwarder needs as long as we did, and a little more.
      silenceMs: SILENCE_MS + 3 * direct.connectMs,
    }),
  );
  const program = fileURLToPath(new URL('./probe.cjs', import.meta.url));
  const args = [`--net=${netnsPath(netnsName(bridge))}`, '--', process.execPath, program];
  const timeoutMs = START_MS + probingMs(requests.length);
  const { stdout } = await run('nsenter', args, { input: JSON.stringify(requests), timeoutMs });
  return asArray(parseJson(stdout, 'probe'), 'probe', 'its answer') as readonly ProbeResult[];
}

/** Three times the way to the upstream, and the start of a program on a busy machine. */
const START_MS = 10_000;
