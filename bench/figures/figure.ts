import type { Options } from '../options.ts';
import type { Peer } from '../peers/peer.ts';
import type { Hypervisor } from '../topology/hypervisor.ts';
import type { Upstream } from '../topology/upstream.ts';

/** As in `--figures`. */
export const FIGURE_GROUPS = ['bulk', 'requests', 'connections', 'memory'] as const;
export type FigureGroup = (typeof FIGURE_GROUPS)[number];

/** One number per peer and round. */
export interface Figure {
  readonly key: string;
  /** Heading of the table it stands in, with the unit. */
  readonly table: string;
  readonly column: string;
  readonly better: 'more' | 'less';
  readonly digits: number;
  /** A build that is worse by less than this share is the same; for figures that vary by nature, default 0.08. */
  readonly tolerance?: number;
}

/** A peer that serves, and where. */
export interface Subject {
  readonly peer: Peer;
  readonly hypervisor: Hypervisor;
  /** What the guest dials. */
  readonly target: string;
  /** Prefix of clients in the guest. */
  readonly asGuest: readonly string[];
  /** Ends the peer, starts it anew and checks that it serves. */
  readonly restart: () => Promise<void>;
}

export interface Context {
  readonly options: Options;
  readonly upstream: Upstream;
  /** Directory of the bundled programs, and of the checkout. */
  readonly js: string;
  readonly root: string;
  /** Something that a reader of the figures has to know. */
  readonly note: (text: string) => void;
}

/** What one measurement found, by key of the figure; a figure that makes no sense for the peer is missing. */
export type Readings = Readonly<Record<string, number>>;

export interface Measurement {
  readonly name: string;
  readonly group: FigureGroup;
  readonly figures: readonly Figure[];
  /**
   * `warm`: in every round, after a first trial that does not count. `fresh`: on restarted peers, so after all warm ones,
   * and at most a few times because it hardly varies.
   */
  readonly on: 'warm' | 'fresh';
  /** Rejects when the peer does not serve. */
  readonly measure: (subject: Subject, context: Context, seconds: number) => Promise<Readings>;
}
