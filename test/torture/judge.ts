import { CLOSED, type Timeline } from './timeline.ts';

/** What traffic.mjs tells of a connection. */
export interface Told {
  readonly kind: string;
  readonly port: number;
  /** Port of the guest; 0: it never had one. */
  readonly from: number;
  readonly start: number;
  readonly reached: number;
  readonly end: number;
  readonly outcome: 'ok' | 'refused' | 'reset' | 'cut' | 'wrong' | 'timeout' | 'unreachable';
  readonly upstream: number;
  readonly bytes: number;
  readonly note: string;
}

/** A forwarder that was killed, or stopped (SIGSTOP) until its watch killed it. */
export interface Kill {
  /** Right before the signal was sent, and right after: somewhere between the two it did its last thing. */
  readonly before: number;
  readonly after: number;
  /** When the process was seen to be gone, and its sockets with it. On a busy machine that is long after the signal. */
  over: number | undefined;
  /** When it took over from the one before: relays older than that are not its own. */
  readonly since: number;
}

export interface Counts {
  connections: number;
  byKind: Record<string, number>;
  bytes: number;
  /** At a service that did not exist just then. */
  rightlyRefused: number;
  refused: number;
  broken: number;
  /** Relays of a forwarder that was killed. */
  killed: number;
  wrongBytes: number;
  wrongUpstream: number;
  timeouts: number;
  slowestMs: number;
}

export type Verdict =
  | 'right'
  | 'rightlyRefused'
  | 'killed'
  | 'refused'
  | 'broken'
  | 'wrongBytes'
  | 'wrongUpstream'
  | 'timeouts';
type Fault = Exclude<Verdict, 'right' | 'rightlyRefused' | 'killed'>;
export interface Example {
  readonly verdict: Verdict;
  readonly bridge: string;
  readonly told: Told;
}
const FAULTS: readonly Fault[] = ['refused', 'broken', 'wrongBytes', 'wrongUpstream', 'timeouts'];
const EXAMPLES = 20;
/** A guest that waits for the processor notes late that it was served. */
const LATE_MS = 500;
/** It notes late that its connection is gone, too: a reset that is lost comes again with the next segment. */
const NOTICED_MS = 4000;

/** Says of every connection whether what became of it is right, and counts. */
export class Judge {
  readonly counts: Counts = {
    connections: 0,
    byKind: {},
    bytes: 0,
    rightlyRefused: 0,
    refused: 0,
    broken: 0,
    killed: 0,
    wrongBytes: 0,
    wrongUpstream: 0,
    timeouts: 0,
    slowestMs: 0,
  };
  /** The first faults. */
  readonly examples: Example[] = [];
  readonly kills: Kill[] = [];
  private readonly timelines: ReadonlyMap<string, ReadonlyMap<number, Timeline>>;

  constructor(timelines: ReadonlyMap<string, ReadonlyMap<number, Timeline>>) {
    this.timelines = timelines;
  }

  get faults(): number {
    return FAULTS.reduce((sum, fault) => sum + this.counts[fault], 0);
  }

  take(bridge: string, told: Told): Verdict {
    const { counts } = this;
    const verdict = this.verdict(bridge, told);
    counts.connections += 1;
    counts.byKind[told.kind] = (counts.byKind[told.kind] ?? 0) + 1;
    counts.bytes += told.bytes;
    if (told.reached > 0) counts.slowestMs = Math.max(counts.slowestMs, told.reached - told.start);
    if (verdict !== 'right') counts[verdict] += 1;
    if ((FAULTS as readonly Verdict[]).includes(verdict) && this.examples.length < EXAMPLES) {
      this.examples.push({ verdict, bridge, told });
    }
    return verdict;
  }

  private verdict(bridge: string, told: Told): Verdict {
    const timeline = this.timelines.get(bridge)?.get(told.port);
    if (timeline === undefined) throw new Error(`${bridge}: nobody knows service port ${told.port}`);
    const possible = timeline.possible(told.start, told.reached > 0 ? told.reached : told.end);
    if (told.reached > 0 && !possible.has(told.upstream)) return 'wrongUpstream';
    switch (told.outcome) {
      case 'ok':
        return 'right';
      case 'wrong':
        return 'wrongBytes';
      case 'timeout':
        return 'timeouts';
      default:
        // A port that is being closed resets those that wait in its queue; a relay lives on.
        if (told.reached === 0 && possible.has(CLOSED)) return 'rightlyRefused';
        if (told.outcome === 'refused' || told.outcome === 'unreachable') return 'refused';
        return this.wasKilled(told) ? 'killed' : 'broken';
    }
  }

  /** Relays of a killed forwarder, and connections that it had taken, break when it dies. */
  private wasKilled({ start, reached, end }: Told): boolean {
    return this.kills.some(
      (kill) =>
        start <= kill.after &&
        end >= kill.before &&
        end <= (kill.over ?? Number.POSITIVE_INFINITY) + NOTICED_MS &&
        (reached === 0 ||
          (reached >= kill.since && reached <= (kill.over ?? Number.POSITIVE_INFINITY) + LATE_MS)),
    );
  }
}
