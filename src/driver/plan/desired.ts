import type { Endpoint } from '../../model/endpoint.ts';
import type { Policing } from '../../model/limits.ts';
import type { ArpForm } from '../rules/arp-rules.ts';
import type { Taps } from './plan-redirect.ts';

/** What a bridge should have. No endpoint: no plumbing at all. */
export interface Desired {
  readonly endpoints: readonly Endpoint[];
  /** For `<bridge>a`, when the pair has to be made. */
  readonly mac: string;
  /** For `<bridge>b`; one that has it was made by this program. */
  readonly portMac: string;
  readonly arpForm: ArpForm;
  readonly taps: Taps;
  /** What ports of bridges may send; undefined: nobody knows. */
  readonly policing: Policing | undefined;
  /** What nft at hand can't carry. */
  readonly lacks: ReadonlySet<string>;
}
