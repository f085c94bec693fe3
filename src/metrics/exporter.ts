import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Stats } from '../model/stats.ts';

const AGAIN_MS = 2000;

interface MetricsSource {
  readonly log: Logger;
  stats(): Promise<Stats>;
  /** Why metrics are not served where they should be; undefined: they are, or need not be. */
  trouble(reason: string | undefined): void;
}

/** Serves metrics where the settings say, tries again where that fails. The code of the server is loaded when it is needed. */
export class MetricsExporter {
  private readonly source: MetricsSource;
  private wanted: string | undefined;
  private server: { close(): void } | undefined;
  private again: NodeJS.Timeout | undefined;

  constructor(source: MetricsSource) {
    this.source = source;
  }

  /** Moves to `listen`; undefined: nowhere. Never rejects: guests are served without metrics, too. */
  async move(listen: string | undefined): Promise<void> {
    if (listen === this.wanted && (listen === undefined || this.server !== undefined)) return;
    this.close();
    this.wanted = listen;
    await this.open();
  }

  close(): void {
    clearTimeout(this.again);
    this.server?.close();
    this.server = undefined;
    this.wanted = undefined;
  }

  private async open(): Promise<void> {
    const { wanted } = this;
    if (wanted === undefined) {
      this.source.trouble(undefined);
      return;
    }
    try {
      const { MetricsServer } = await import('./metrics-server.ts');
      const server = await MetricsServer.start(wanted, () => this.source.stats());
      if (this.wanted !== wanted) {
        server.close();
        return;
      }
      this.server = server;
      this.source.trouble(undefined);
      this.source.log.info({ listen: wanted }, 'metrics are served');
    } catch (error) {
      if (this.wanted !== wanted) return;
      this.source.trouble(messageOf(error));
      this.again = setTimeout(() => void this.open(), AGAIN_MS);
      this.again.unref();
    }
  }
}
