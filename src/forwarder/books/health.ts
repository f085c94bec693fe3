import type { BridgeReport } from '../../control/report.ts';
import type { Logger } from '../../log.ts';
import type { Health } from '../../model/stats.ts';
import { TroubleBook } from '../../process/troubles.ts';
import { VERSION } from '../../version.ts';
import { descriptorLimit, openDescriptors } from '../descriptors.ts';

const SAMPLE_MS = 1000;
/** The lag that is told is the worst of so many samples. */
const SAMPLES = 60;

/** How the forwarder's process does: what it uses, how late its main thread is, how the last reload went. */
export class HealthWatch {
  private readonly revived: boolean;
  private readonly lags = new Float64Array(SAMPLES);
  private samples = 0;
  private readonly troubles = new TroubleBook();
  private reload: Health['reload'];
  private metricsError: string | undefined;

  constructor(revived: boolean) {
    this.revived = revived;
    let due = performance.now() + SAMPLE_MS;
    setInterval(() => {
      const now = performance.now();
      this.lags[this.samples % SAMPLES] = Math.max(0, now - due);
      this.samples += 1;
      due = now + SAMPLE_MS;
    }, SAMPLE_MS).unref();
  }

  /**
   * How a sync of everything went, or one of `only` this bridge, which says nothing about the others. `bridges` undefined:
   * the endpoints could not be read, or are lost though guests are recorded.
   */
  reloaded(bridges: readonly BridgeReport[] | undefined, only?: string): void {
    const failed = (bridges ?? []).flatMap(({ bridge, trouble }) => (trouble === undefined ? [] : [bridge]));
    const others = only === undefined ? [] : (this.reload?.failed ?? []).filter((bridge) => bridge !== only);
    this.reload = {
      at: Date.now() / 1000,
      ok: bridges !== undefined && failed.length === 0 && others.length === 0,
      failed: [...others, ...failed],
    };
  }

  /** Why metrics are not served where they should be; undefined: they are, or need not be. Told once. */
  metricsTrouble(reason: string | undefined, log: Logger): void {
    if (reason !== undefined && reason !== this.metricsError) log.error({ reason }, 'metrics are not served');
    this.metricsError = reason;
  }

  /** What an operator should hear, although guests are served. */
  get warnings(): readonly string[] {
    return this.metricsError === undefined ? [] : [this.metricsError];
  }

  /** `answerMs`: what the data plane took to answer just now. */
  look(answerMs: number): Health {
    return {
      version: VERSION,
      pid: process.pid,
      startedAt: Date.now() / 1000 - process.uptime(),
      revived: this.revived,
      descriptors: { open: openDescriptors(), limit: descriptorLimit() },
      memory: process.memoryUsage.rss(),
      lagMs: Math.max(...this.lags),
      failedNics: this.troubles.all().length,
      answerMs,
      ...(this.reload === undefined ? {} : { reload: this.reload }),
      ...(this.metricsError === undefined ? {} : { metricsError: this.metricsError }),
    };
  }
}
