import { plumbByHand } from '../support/hypervisor.ts';
import { prepareForLoad } from '../support/network.ts';
import { CONDITION_MS, stalledMs } from '../support/patience.ts';
import { createSite, type Site } from '../support/site.ts';
import type { Told } from './judge.ts';
import { startUpstreams, UPSTREAM_ADDRESS } from './scene.ts';
import { monotonicMs } from './timeline.ts';
import { Traffic, type TrafficOptions } from './traffic.ts';
import { titlesOf } from './weights.ts';

/** Ports of upstream.mjs: what a connection reached is one of these. */
export const FIRST = 7000;
const UPSTREAMS = 8;
/** A service that stays. */
export const SERVICE = 5030;

/** A bridge with one guest, upstreams on the backbone, and the daemons serving `SERVICE` → `FIRST`. */
export async function createStage(
  options: { readonly settings?: string; readonly services?: Readonly<Record<number, string>> } = {},
): Promise<Site> {
  const site = await createSite();
  const { box, hypervisor, bridge, host, guest } = site;
  try {
    await prepareForLoad(box, host, guest);
    hypervisor.configure(`:tproxy_debug_level: 2\n${options.settings ?? ''}\n:tproxy: []\n`);
    await plumbByHand(box, bridge, options.services ?? { [SERVICE]: upstream(FIRST) });
    await startUpstreams(host, UPSTREAMS, FIRST);
    await hypervisor.must('start');
    return site;
  } catch (error) {
    await box.close();
    throw error;
  }
}

/** An upstream as nft writes it. */
export function upstream(port: number): string {
  return `${UPSTREAM_ADDRESS} . ${port}`;
}

/** A guest's traffic with short requests, sessions that stay open, and long transfers. */
export function startTraffic(site: Site, options: Partial<TrafficOptions> = {}): Traffic {
  return new Traffic(site.guest, {
    ports: [SERVICE],
    kinds: { short: 2, session: 2, download: 1, half: 1, upload: 1 },
    seconds: 1,
    pauseMs: 10,
    ...options,
  });
}

/** Connections that did not go as they should; `ok` when there is none. */
export function faultsOf({ told }: Pick<Traffic, 'told'>): Told[] {
  return told.filter(({ outcome }) => outcome !== 'ok');
}

/** The machine's number of the only process with this title. */
export function pidOf(site: Site, title: string): number {
  const found = titlesOf(site.box).filter((process) => process.title === title);
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${found.length} processes titled ${title}`);
  return only.pid;
}

type Condition = () => boolean | Promise<boolean>;

/** Waits until `condition` holds. The milliseconds that took, less those in which the machine was short of processors. */
export async function until(what: string, condition: Condition): Promise<number> {
  const [began, stalled] = [monotonicMs(), stalledMs()];
  while (!(await condition())) {
    if (monotonicMs() - began > CONDITION_MS) throw new Error(`not ${what} within ${CONDITION_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return Math.max(0, monotonicMs() - began - (stalledMs() - stalled));
}

/** The same for what the program promises within so many milliseconds. */
export async function promptly(what: string, promisedMs: number, condition: Condition): Promise<void> {
  const took = await until(what, condition);
  if (took > promisedMs) throw new Error(`${what} after ${Math.round(took)} ms, not within ${promisedMs} ms`);
}
