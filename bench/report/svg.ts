import type { Figure } from '../figures/figure.ts';
import { type AllSamples, spreadOf } from './samples.ts';
import type { Column } from './table.ts';

/** Small multiples: a panel per figure, a bar per peer, the whisker from the worst to the best round. */

/** Figures worth a panel; the others stand in the tables. */
const PANELS = [
  { key: 'bulk.up.1', title: 'Bulk up, 1 stream, Gbit/s' },
  { key: 'bulk.down.1', title: 'Bulk down, 1 stream, Gbit/s' },
  { key: 'requests.rate.32', title: 'Requests, 32 connections, thousands/s' },
  { key: 'requests.p99.32', title: 'Latency p99 of them, µs (less is better)' },
  { key: 'connections.rate', title: 'New connections, thousands/s' },
  { key: 'cpu.bulk.up.1', title: 'CPU seconds per GB up (less is better)' },
] as const;

const COLUMNS = 2;
const PANEL_WIDTH = 440;
const LABEL_WIDTH = 140;
const VALUE_WIDTH = 60;
const BAR_HEIGHT = 16;
const BAR_GAP = 8;
const TITLE_HEIGHT = 34;
const MARGIN = 20;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 13px; }
  .note { fill: #59636e; font-size: 11px; }
  .peer { fill: #9aa7b4; } .subject { fill: #0969da; } .limit { fill: none; stroke: #9aa7b4; stroke-dasharray: 3 2; }
  .whisker { stroke: #24292f; stroke-opacity: .55; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note { fill: #9198a1; }
    .peer { fill: #59636e; } .subject { fill: #4493f8; } .limit { stroke: #9198a1; } .whisker { stroke: #e6edf3; }
  }
`;

export interface ChartPeer extends Column {
  readonly kind: 'subject' | 'peer' | 'limit';
}

export function renderSvg(
  figures: readonly Figure[],
  peers: readonly ChartPeer[],
  samples: AllSamples,
  caption: string,
): string {
  const panels = PANELS.flatMap(({ key, title }) => {
    const figure = figures.find((candidate) => candidate.key === key);
    return figure === undefined || samples[key] === undefined ? [] : [{ figure, title }];
  });
  const panelHeight = TITLE_HEIGHT + peers.length * (BAR_HEIGHT + BAR_GAP) + MARGIN;
  const width = COLUMNS * PANEL_WIDTH + MARGIN;
  const height = Math.ceil(panels.length / COLUMNS) * panelHeight + 2 * MARGIN;
  const body = panels.map(({ figure, title }, i) => {
    const x = MARGIN + (i % COLUMNS) * PANEL_WIDTH;
    const y = Math.floor(i / COLUMNS) * panelHeight;
    return `<g transform="translate(${x} ${y})">${renderPanel(title, figure, peers, samples)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(caption)}</title>`,
    `<style>${STYLE}</style>`,
    ...body,
    `<text class="note" x="${MARGIN}" y="${height - 12}">${escaped(caption)}</text>`,
    '</svg>\n',
  ].join('\n');
}

function renderPanel(
  title: string,
  figure: Figure,
  peers: readonly ChartPeer[],
  samples: AllSamples,
): string {
  const spreads = peers.map((peer) => spreadOf(samples[figure.key]?.[peer.key]));
  const most = Math.max(...spreads.map((spread) => spread?.max ?? 0));
  const scale = most === 0 ? 0 : (PANEL_WIDTH - LABEL_WIDTH - VALUE_WIDTH - MARGIN) / most;
  const parts = [`<text class="title" x="0" y="22">${escaped(title)}</text>`];
  peers.forEach((peer, i) => {
    const y = TITLE_HEIGHT + i * (BAR_HEIGHT + BAR_GAP);
    const middle = y + BAR_HEIGHT / 2;
    const spread = spreads[i];
    parts.push(
      `<text x="${LABEL_WIDTH - 8}" y="${middle + 4}" text-anchor="end">${escaped(peer.label)}</text>`,
    );
    if (spread === undefined) {
      parts.push(`<text class="note" x="${LABEL_WIDTH}" y="${middle + 4}">–</text>`);
      return;
    }
    const at = (value: number) => (LABEL_WIDTH + value * scale).toFixed(1);
    const barWidth = (spread.median * scale).toFixed(1);
    const label = spread.median.toFixed(figure.digits);
    parts.push(
      `<rect class="${peer.kind}" x="${LABEL_WIDTH}" y="${y}" width="${barWidth}" height="${BAR_HEIGHT}" rx="2"/>`,
      `<path class="whisker" d="M${at(spread.min)} ${middle}H${at(spread.max)}"/>`,
      `<text x="${(LABEL_WIDTH + spread.max * scale + 6).toFixed(1)}" y="${middle + 4}">${label}</text>`,
    );
  });
  return parts.join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
