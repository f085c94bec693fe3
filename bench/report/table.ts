import type { Figure } from '../figures/figure.ts';
import { type AllSamples, medianRatio, spreadOf } from './samples.ts';

export interface Column {
  readonly key: string;
  readonly label: string;
}

/**
 * One table per heading: a line per peer, a column per figure. A cell is `median (min–max) ratio`, the ratio being the
 * subject's figure divided by that peer's.
 */
export function renderTables(
  figures: readonly Figure[],
  peers: readonly Column[],
  samples: AllSamples,
  subject: string,
): string {
  const headings = [...new Set(figures.map((figure) => figure.table))];
  return headings
    .map((heading) =>
      renderTable(
        heading,
        figures.filter((figure) => figure.table === heading),
        peers,
        samples,
        subject,
      ),
    )
    .filter((table) => table !== '')
    .join('\n\n');
}

function renderTable(
  heading: string,
  figures: readonly Figure[],
  peers: readonly Column[],
  samples: AllSamples,
  subject: string,
): string {
  const rows = peers
    .map((peer) => [peer.label, ...figures.map((figure) => cell(figure, peer.key, samples, subject))])
    .filter((row) => row.slice(1).some((text) => text !== NOTHING));
  if (rows.length === 0) return '';
  const sense = new Set(figures.map((figure) => figure.better));
  const better = sense.size === 1 ? ` (${figures[0]?.better} is better)` : '';
  const head = ['', ...figures.map((figure) => figure.column)];
  return [`${heading}${better}`, ...align([head, ...rows])].join('\n');
}

const NOTHING = '–';

function cell(figure: Figure, peer: string, samples: AllSamples, subject: string): string {
  const ofFigure = samples[figure.key];
  const spread = spreadOf(ofFigure?.[peer]);
  if (spread === undefined) return NOTHING;
  const shown = (value: number) => value.toFixed(figure.digits);
  const range = spread.min === spread.max ? '' : ` (${shown(spread.min)}–${shown(spread.max)})`;
  const ratio = peer === subject ? undefined : medianRatio(ofFigure, subject, peer);
  return `${shown(spread.median)}${range}${ratio === undefined ? '' : ` ${ratio.toFixed(2)}×`}`;
}

/** Lines with columns of equal width, two blanks between them. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((text, i) => {
      widths[i] = Math.max(widths[i] ?? 0, text.length);
    });
  return rows.map((row) => `  ${row.map((text, i) => text.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
}
