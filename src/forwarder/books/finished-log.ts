import { type FinishedRecord, readRecords } from '../../dataplane/connection-records.ts';
import { infoLineStart, type LogFile, openLogFile } from '../../log.ts';
import { formatIpv4 } from '../../model/ipv4.ts';
import { SERVICE_ADDRESS } from '../../model/names.ts';
import { listenerLog } from '../../process/paths.ts';

const INFO = 2;

/** One line per finished connection, in the log of its bridge. */
export class FinishedLog {
  private readonly files = new Map<string, LogFile>();
  private readonly bridgeName: (id: number) => string | undefined;
  private level: number;

  constructor(debugLevel: number, bridgeName: (id: number) => string | undefined) {
    this.level = debugLevel;
    this.bridgeName = bridgeName;
  }

  setLevel(debugLevel: number): void {
    this.level = debugLevel;
  }

  /** Writes a batch of the data plane: a string per bridge, because it may hold thousands of lines a second. */
  write(batch: Float64Array): void {
    if (this.level < INFO) return;
    const start = infoLineStart(Date.now());
    const lines = new Map<string, string>();
    for (const record of readRecords(batch)) {
      const bridge = this.bridgeName(record.bridgeId);
      if (bridge === undefined) continue;
      lines.set(bridge, (lines.get(bridge) ?? '') + finishedLine(start, bridge, record));
    }
    for (const [bridge, text] of lines) this.file(bridge).write(text);
  }

  /** Closes the file of a bridge that is no longer served. */
  forget(bridge: string): void {
    this.files.get(bridge)?.close();
    this.files.delete(bridge);
  }

  private file(bridge: string): LogFile {
    const known = this.files.get(bridge);
    if (known !== undefined) return known;
    const file = openLogFile(listenerLog(bridge), this.level);
    this.files.set(bridge, file);
    return file;
  }
}

/** Composed by hand, as pino would: every value is a number, an address, or a name without anything to escape. */
function finishedLine(start: string, bridge: string, record: FinishedRecord): string {
  const upstream =
    record.upstreamPort === 0 ? 'null' : `"${address(record.upstreamIp)}:${record.upstreamPort}"`;
  // A fraction as two integers: V8 writes those ten times as fast.
  const tenths = Math.round(record.durationMs * 10);
  const duration = `${Math.floor(tenths / 10)}.${tenths % 10}`;
  return (
    `${start},"bridge":"${bridge}","service":"${SERVICE_ADDRESS}:${record.servicePort}"` +
    `,"service_port":${record.servicePort},"guest":"${address(record.guestIp)}:${record.guestPort}"` +
    `,"upstream":${upstream},"bytes_to_upstream":${record.bytesToUpstream},"bytes_to_guest":${record.bytesToGuest}` +
    `,"duration_ms":${duration},"outcome":"${record.outcome}","msg":"connection finished"}\n`
  );
}

/** Addresses written of late: a guest comes again, and upstreams are few. */
const written = new Map<number, string>();
const WRITTEN_AT_MOST = 1024;

function address(ip: number): string {
  const known = written.get(ip);
  if (known !== undefined) return known;
  if (written.size >= WRITTEN_AT_MOST) written.clear();
  const text = formatIpv4(ip);
  written.set(ip, text);
  return text;
}
