import { messageOf } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { ServedBridge } from './served-bridge.ts';

const LOOK_EVERY_MS = 500;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** A listener that lived this long did not die of its start. */
const STEADY_MS = 10_000;

export interface RecoveryOwner {
  bridges(): Iterable<ServedBridge>;
  bring(bridge: ServedBridge): Promise<void>;
  recovered(bridge: ServedBridge): void;
  readonly log: Logger;
}

interface Trouble {
  pauseMs: number;
  notBefore: number;
  since: number;
}

/**
 * Brings back listeners that died and replaces those whose netns was replaced, at once the first time and with growing
 * pauses when it keeps happening.
 */
export class Recovery {
  private readonly owner: RecoveryOwner;
  private readonly troubles = new Map<string, Trouble>();
  private timer: NodeJS.Timeout | undefined;
  private busy = false;

  constructor(owner: RecoveryOwner) {
    this.owner = owner;
  }

  start(): void {
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** A listener just died: no need to wait for the next look. */
  lost(): void {
    if (this.timer !== undefined) setImmediate(() => void this.look());
  }

  private async look(): Promise<void> {
    if (this.busy || this.timer === undefined) return;
    this.busy = true;
    try {
      const bridges = [...this.owner.bridges()];
      this.forgetAllBut(bridges);
      for (const bridge of bridges) {
        await bridge.listener.checkPulse(performance.now());
        await this.lookAt(bridge);
      }
    } finally {
      this.busy = false;
    }
  }

  private forgetAllBut(bridges: readonly ServedBridge[]): void {
    const names = new Set(bridges.map(({ name }) => name));
    for (const name of this.troubles.keys()) if (!names.has(name)) this.troubles.delete(name);
  }

  private async lookAt(bridge: ServedBridge): Promise<void> {
    const now = performance.now();
    const trouble = this.troubles.get(bridge.name);
    if (bridge.isHealthy) {
      if (trouble !== undefined && now - trouble.since > STEADY_MS) this.troubles.delete(bridge.name);
      return;
    }
    if (trouble !== undefined && now < trouble.notBefore) return;
    const pauseMs = trouble === undefined ? FIRST_PAUSE_MS : Math.min(trouble.pauseMs * 2, LONGEST_PAUSE_MS);
    this.troubles.set(bridge.name, { pauseMs, notBefore: now + pauseMs, since: now });
    try {
      await this.owner.bring(bridge);
      // It may have been removed, or left to another forwarder, meanwhile.
      if (!bridge.isHealthy) return;
      this.owner.recovered(bridge);
      this.owner.log.info({ bridge: bridge.name, listener_pid: bridge.listener.pid }, 'listener recovered');
    } catch (error) {
      const fields = { bridge: bridge.name, reason: messageOf(error), next_try_ms: pauseMs };
      // A driver that takes a bridge down deletes the netns first and says so a moment later: once is no error yet.
      if (trouble === undefined) this.owner.log.debug(fields, 'listener could not be recovered');
      else this.owner.log.error(fields, 'listener could not be recovered');
    }
  }
}
