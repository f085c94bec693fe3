import { Deadlines } from './deadlines.ts';
import type { DataPlaneSettings } from './messages.ts';

/** A relay that is older than this is worth timers of its own. */
const YOUNG_MS = 10_000;

/** The deadlines of relays, by what they wait for. */
export class Timers {
  readonly connecting: Deadlines;
  /** Short relays never pay for the calls that long ones need. */
  readonly young: Deadlines;
  /** One direction has ended. */
  readonly lingering: Deadlines;
  readonly idling: Deadlines;
  /** Idle seconds before TCP probes either side; 0: never. */
  keepaliveS: number;

  constructor(settings: DataPlaneSettings, youngMs = youngMsOf(settings)) {
    this.connecting = new Deadlines(settings.connectMs);
    this.young = new Deadlines(youngMs);
    this.lingering = new Deadlines(settings.lingerMs);
    this.idling = new Deadlines(settings.idleMs);
    this.keepaliveS = settings.keepaliveS;
  }

  setSettings(settings: DataPlaneSettings): void {
    this.connecting.delayMs = settings.connectMs;
    this.young.delayMs = youngMsOf(settings);
    this.lingering.delayMs = settings.lingerMs;
    this.idling.delayMs = settings.idleMs;
    this.keepaliveS = settings.keepaliveS;
  }

  /** Calls those that are due; true while others wait. */
  expire(now: number): boolean {
    let waits = false;
    for (const queue of [this.connecting, this.young, this.lingering, this.idling]) {
      waits = queue.expire(now) || waits;
    }
    return waits;
  }
}

function youngMsOf({ keepaliveS }: DataPlaneSettings): number {
  return keepaliveS > 0 ? Math.min(YOUNG_MS, keepaliveS * 1000) : YOUNG_MS;
}
