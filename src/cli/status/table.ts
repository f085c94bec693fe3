import { alignColumns, type Column } from '../text/columns.ts';
import { escapeForTerminal } from '../text/escape.ts';
import type { Style } from '../text/style.ts';
import { formatBytes } from '../text/units.ts';
import type { BridgeReport, ServiceReport, StatusReport } from './report.ts';

const COLUMNS: readonly Column[] = [
  { title: 'BRIDGE', align: 'left' },
  { title: 'NETWORKS', align: 'left' },
  { title: 'SERVICE', align: 'right' },
  { title: 'UPSTREAM', align: 'left' },
  { title: 'STATE', align: 'left' },
  { title: 'NOW', align: 'right' },
  { title: 'TOTAL', align: 'right' },
  { title: 'UP', align: 'right' },
  { title: 'DOWN', align: 'right' },
  { title: 'ERRORS', align: 'left' },
];
const STATE = COLUMNS.findIndex(({ title }) => title === 'STATE');
const ERRORS = COLUMNS.length - 1;
const SHOWN_NETWORKS = 3;

/** The table of `tproxy status -v`, a line per service, and what needs more words below it. Empty without a bridge. */
export function statusTable(report: StatusReport, style: Style): string[] {
  const rows = report.bridges.flatMap(bridgeRows);
  if (rows.length === 0) return [];
  const paint = (text: string, column: number): string => {
    if (column === STATE) return paintState(text, style);
    if (column === ERRORS) return text === '0' ? text : style.bad(text);
    return column === 0 ? style.bold(text) : text;
  };
  const [titles = '', ...lines] = alignColumns(COLUMNS, rows, paint);
  return [style.dim(titles), ...lines, ...remarks(report).map((line) => style.warning(line))];
}

function bridgeRows(bridge: BridgeReport): string[][] {
  const networks = networksOf(bridge);
  if (bridge.services.length === 0)
    return [[bridge.bridge, networks, '-', '-', 'no services', '', '', '', '', '']];
  return bridge.services.map((service) => [bridge.bridge, networks, ...serviceCells(service)]);
}

function serviceCells({ servicePort, upstream, state, connections, bytes, errors }: ServiceReport): string[] {
  return [
    String(servicePort),
    upstream ?? '-',
    state.replaceAll('-', ' '),
    String(connections.now),
    String(connections.total),
    formatBytes(bytes.toUpstream),
    formatBytes(bytes.toGuest),
    errorsCell(errors),
  ];
}

/** `3 upstream-refused`, or `5 upstream-refused, …` when there are more causes; the most frequent one is named. */
function errorsCell({ total, byCause }: ServiceReport['errors']): string {
  const causes = Object.entries(byCause).sort(([, a], [, b]) => b - a);
  const [first] = causes;
  return first === undefined ? '0' : `${total} ${first[0]}${causes.length > 1 ? ', …' : ''}`;
}

function networksOf({ networks }: BridgeReport): string {
  if (networks.length === 0) return '-';
  const names = networks.map(({ id, name }) => escapeForTerminal(name ?? (id === null ? '?' : `#${id}`)));
  const more = names.length - SHOWN_NETWORKS;
  return [...names.slice(0, SHOWN_NETWORKS), ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

function paintState(state: string, style: Style): string {
  if (state === 'listening') return style.good(state);
  return state === 'draining' || state === 'no services' ? style.warning(state) : style.bad(state);
}

function remarks({ bridges, problems }: StatusReport): string[] {
  const closed = bridges.flatMap(({ bridge, services }) =>
    services.flatMap(({ servicePort, reason }) =>
      reason === null
        ? []
        : [`${bridge}: service port ${servicePort} is closed: ${escapeForTerminal(reason)}`],
    ),
  );
  const refused = bridges.flatMap(({ bridge, refused: limits }) =>
    Object.entries(limits).map(([limit, count]) => `${bridge}: ${count} connections refused: ${limit}`),
  );
  return [...closed, ...refused, ...problems.map(escapeForTerminal)];
}
