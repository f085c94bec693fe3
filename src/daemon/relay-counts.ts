import type { FromWorker, ToWorker } from '../dataplane/messages.ts';
import type { SyncReport } from './control.ts';

/** Asks the data plane how many relays live. */
export class RelayCounts {
  private readonly post: (message: ToWorker) => void;
  private readonly nameOf: (bridgeId: number) => string | undefined;
  private readonly asked = new Map<number, (report: SyncReport) => void>();
  private last = 0;

  constructor(post: (message: ToWorker) => void, nameOf: (bridgeId: number) => string | undefined) {
    this.post = post;
    this.nameOf = nameOf;
  }

  /** Resolves only while the data plane is alive. */
  ask(): Promise<SyncReport> {
    this.last += 1;
    const id = this.last;
    return new Promise((resolve) => {
      this.asked.set(id, resolve);
      this.post({ type: 'count', id });
    });
  }

  onCounted({ id, relays, byBridge }: Extract<FromWorker, { type: 'counted' }>): void {
    const bridges = byBridge.map((count) => ({
      bridge: this.nameOf(count.bridgeId) ?? '',
      relays: count.relays,
    }));
    this.asked.get(id)?.({ ok: true, bridges, relays });
    this.asked.delete(id);
  }
}
