import type { FinishedRecord } from '../dataplane/records.ts';
import { formatIpv4 } from '../linux/socket.ts';
import { type LogFile, openLogFile } from '../log.ts';
import { SERVICE_ADDRESS } from '../model/names.ts';
import { listenerLog } from './paths.ts';

/** One line per finished connection, in the log of its bridge. */
export class FinishedLog {
  private readonly files = new Map<string, LogFile>();
  private level: number;

  constructor(debugLevel: number) {
    this.level = debugLevel;
  }

  setLevel(debugLevel: number): void {
    this.level = debugLevel;
    for (const file of this.files.values()) file.setLevel(debugLevel);
  }

  write(bridge: string, record: FinishedRecord): void {
    const { logger } = this.file(bridge);
    const fields = {
      bridge,
      service: `${SERVICE_ADDRESS}:${record.servicePort}`,
      service_port: record.servicePort,
      guest: `${formatIpv4(record.guestIp)}:${record.guestPort}`,
      upstream: record.upstreamPort === 0 ? null : `${formatIpv4(record.upstreamIp)}:${record.upstreamPort}`,
      bytes_to_upstream: record.bytesToUpstream,
      bytes_to_guest: record.bytesToGuest,
      duration_ms: Math.round(record.durationMs * 10) / 10,
      outcome: record.outcome,
    };
    logger.info(fields, 'connection finished');
  }

  /** The file of a bridge that is no longer served is closed. */
  forget(bridge: string): void {
    this.files.get(bridge)?.close();
    this.files.delete(bridge);
  }

  /** Opens the files anew (after they were moved away). */
  reopen(): void {
    for (const bridge of [...this.files.keys()]) this.forget(bridge);
  }

  private file(bridge: string): LogFile {
    const known = this.files.get(bridge);
    if (known !== undefined) return known;
    const file = openLogFile(listenerLog(bridge), this.level);
    this.files.set(bridge, file);
    return file;
  }
}
