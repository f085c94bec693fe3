import { allHolds, type Check } from './check.ts';
import { type Counts, countsOf } from './report.ts';

/** What `tproxy doctor --json` prints (docs/troubleshooting.md). Keys are added, never renamed. */
export interface DoctorReport {
  readonly version: string;
  readonly host: string;
  /** ISO 8601. */
  readonly time: string;
  /** No check has failed. */
  readonly holds: boolean;
  readonly counts: Counts;
  readonly checks: readonly JsonCheck[];
}

interface JsonCheck {
  readonly id: string;
  readonly part: string;
  readonly bridge: string | null;
  readonly subject: string | null;
  readonly title: string;
  readonly verdict: 'ok' | 'warning' | 'failed' | 'skipped';
  /** Null for a skipped check. */
  readonly seen: string | null;
  /** Why it was skipped. */
  readonly reason: string | null;
  readonly remedy: string | null;
  readonly ms: number;
}

export function doctorReport(
  checks: readonly Check[],
  about: Pick<DoctorReport, 'version' | 'host' | 'time'>,
): DoctorReport {
  return { ...about, holds: allHolds(checks), counts: countsOf(checks), checks: checks.map(jsonCheck) };
}

function jsonCheck({ id, part, subject, title, finding, ms }: Check): JsonCheck {
  return {
    id,
    part: part.is,
    bridge: 'bridge' in part ? part.bridge : null,
    subject: subject ?? null,
    title,
    verdict: finding.verdict,
    seen: 'seen' in finding ? finding.seen : null,
    reason: 'reason' in finding ? finding.reason : null,
    remedy: 'remedy' in finding ? finding.remedy : null,
    ms,
  };
}
