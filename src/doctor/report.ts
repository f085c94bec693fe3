import { counted } from '../words.ts';
import type { Check, Part } from './check.ts';

/** How the parts of a text are painted; the identity where there is no terminal. */
export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
}

const MARKS = { ok: 'ok', warning: 'WARNING', failed: 'FAILED', skipped: 'skipped' } as const;
const MARK_WIDTH = 7;
const COLOUR = { ok: 'good', warning: 'warning', failed: 'bad', skipped: 'dim' } as const;

/** The walk for people: a line per check, the remedy below what does not hold, and a summary. */
export function reportLines(checks: readonly Check[], paint: Paint): readonly string[] {
  const width = Math.max(...checks.map(({ title }) => title.length));
  const lines: string[] = [];
  let last = '';
  for (const check of checks) {
    const heading = headingOf(check.part);
    if (heading !== last) lines.push(...(last === '' ? [] : ['']), paint.bold(heading));
    last = heading;
    lines.push(...linesOf(check, width, paint));
  }
  return [...lines, '', summary(checks)];
}

function linesOf({ title, finding }: Check, width: number, paint: Paint): string[] {
  const { verdict } = finding;
  const mark = paint[COLOUR[verdict]](MARKS[verdict].padEnd(MARK_WIDTH));
  const [first = '', ...more] = (verdict === 'skipped' ? finding.reason : finding.seen).split('\n');
  const indent = ' '.repeat(MARK_WIDTH + width + 6);
  const lines = [`  ${mark}  ${title.padEnd(width)}  ${first}`, ...more.map((line) => `${indent}${line}`)];
  if ('remedy' in finding) lines.push(`${indent}→ ${finding.remedy}`);
  return lines.map((line) => line.trimEnd());
}

function headingOf(part: Part): string {
  switch (part.is) {
    case 'host':
      return 'This host';
    case 'bridge':
      return `Bridge ${part.bridge}`;
    case 'forwarder':
      return 'Forwarder';
    case 'upstreams':
      return 'Upstreams, from this host';
    case 'whole-way':
      return 'The whole way, from inside the network namespaces';
  }
}

export type Counts = Readonly<Record<Check['finding']['verdict'], number>>;

export function countsOf(checks: readonly Check[]): Counts {
  const counts = { ok: 0, warning: 0, failed: 0, skipped: 0 };
  for (const { finding } of checks) counts[finding.verdict] += 1;
  return counts;
}

function summary(checks: readonly Check[]): string {
  const { ok, warning, failed, skipped } = countsOf(checks);
  const numbers = `${ok} ok, ${counted(warning, 'warning')}, ${failed} failed, ${skipped} skipped`;
  const has = (part: Part['is']): boolean => checks.some((check) => check.part.is === part);
  const idle = has('forwarder') && !has('bridge');
  return `${numbers}${idle ? '; no bridge on this host has services' : ''}`;
}
