/** What an examination found. `seen` is a fact in few words, `remedy` an order: what to do next. */
export type Finding =
  | { readonly verdict: 'ok'; readonly seen: string }
  /** `warning`: guests are served, but somebody should look. `failed`: something does not hold. */
  | { readonly verdict: 'warning' | 'failed'; readonly seen: string; readonly remedy: string }
  | { readonly verdict: 'skipped'; readonly reason: string };

/** Where on a guest's way a check stands. */
export type Part =
  | { readonly is: 'host' }
  | { readonly is: 'bridge'; readonly bridge: string }
  | { readonly is: 'forwarder' }
  | { readonly is: 'upstreams' }
  | { readonly is: 'whole-way'; readonly bridge: string };

/** One check before it has been made. */
export interface Examination {
  /** Of the kind of check: `veth`, `upstream`. Stable, for programs. */
  readonly id: string;
  readonly part: Part;
  /** What of several the check is about: a host name, `10.11.12.13:5030`, a tool. */
  readonly subject?: string;
  /** For people. */
  readonly title: string;
  /** Keys of checks that have to hold before this one makes sense. */
  readonly needs: readonly string[];
  /** Default 8 000. */
  readonly limitMs?: number;
  /** Changes nothing. Whatever it throws is a failed check. */
  readonly examine: () => Finding | Promise<Finding>;
}

/** A check that has been made. */
export interface Check {
  readonly id: string;
  readonly part: Part;
  readonly subject?: string;
  readonly title: string;
  readonly finding: Finding;
  /** Milliseconds that it took. */
  readonly ms: number;
}

/** Names a check within one walk: `br0/veth`, `tool/nft`. */
export function keyOf({ id, part, subject }: Pick<Check, 'id' | 'part' | 'subject'>): string {
  const bridge = 'bridge' in part ? `${part.bridge}/` : '';
  return `${bridge}${id}${subject === undefined ? '' : `/${subject}`}`;
}

export function ok(seen: string): Finding {
  return { verdict: 'ok', seen };
}

export function warning(seen: string, remedy: string): Finding {
  return { verdict: 'warning', seen, remedy };
}

export function failed(seen: string, remedy: string): Finding {
  return { verdict: 'failed', seen, remedy };
}

export function skipped(reason: string): Finding {
  return { verdict: 'skipped', reason };
}

/** The finding with each of its texts changed. */
export function reworded(finding: Finding, change: (text: string) => string): Finding {
  if (finding.verdict === 'skipped') return skipped(change(finding.reason));
  if (finding.verdict === 'ok') return ok(change(finding.seen));
  return { ...finding, seen: change(finding.seen), remedy: change(finding.remedy) };
}

/** True when everything holds; warnings and skipped checks are allowed. */
export function allHolds(checks: readonly Check[]): boolean {
  return checks.every(({ finding }) => finding.verdict !== 'failed');
}
