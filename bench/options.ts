import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { FIGURE_GROUPS, type FigureGroup } from './figures/figure.ts';

export interface Options {
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** Keys of peers; undefined: the default ones. */
  readonly peers: readonly string[] | undefined;
  readonly figures: readonly FigureGroup[];
  /** Idle relays to hold in the memory figure, ascending. */
  readonly relays: readonly number[];
  /** Seconds to wait for others to be quiet, in the whole run. */
  readonly patience: number;
  /** Keep idle cores from sleeping. */
  readonly awake: boolean;
  /** A built `vnm/tproxy`. */
  readonly tproxy: string;
  readonly against: { readonly label: string; readonly executable: string } | undefined;
  readonly json: string | undefined;
  readonly svg: string | undefined;
}

export const USAGE = `npm run bench -- [options]

  --rounds N         rounds, peers alternating in each (default 5)
  --seconds N        length of one measurement (default 3)
  --peers A,B        tproxy, haproxy, haproxy-auto, nginx, node, socat, socket-proxyd, routed
                     (default: all but haproxy-auto, socat, socket-proxyd)
  --figures A,B      ${FIGURE_GROUPS.join(', ')} (default: all)
  --relays A,B       numbers of idle relays in the memory figure (default 1000,10000)
  --tproxy PATH      another built vnm/tproxy (default dist/remotes/vnm/tproxy)
  --against REV      build this revision too and compare; exit 1 when a figure got worse
  --patience N       seconds, in the whole run, to wait for others to be quiet before a disturbed measurement is repeated
                     (default 300)
  --awake            keep idle cores from sleeping: in a virtual machine waking one may cost more than a proxy does
  --quick            2 rounds of 1 s, 1 000 relays: does it work at all?
  --json FILE        everything that was measured
  --svg FILE         a chart, for docs/performance.md

npm run bench -- hook [--rounds N] [--json FILE] …    npm run bench -- scale [--bridges 1,50,200] [--json FILE] …
npm run bench -- fairness [--rounds N] [--attacks 25,100] [--places beside|apart] [--port-rate N] [--port-bandwidth MBIT] …`;

export const DEFAULT_TPROXY = 'dist/remotes/vnm/tproxy';

export function parseOptions(argv: readonly string[], root: string): Options | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      peers: { type: 'string' },
      figures: { type: 'string' },
      relays: { type: 'string' },
      tproxy: { type: 'string', default: DEFAULT_TPROXY },
      'against-label': { type: 'string' },
      'against-build': { type: 'string' },
      patience: { type: 'string', default: '300' },
      awake: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      svg: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const figures = list(values.figures) ?? FIGURE_GROUPS;
  return {
    rounds: positive('--rounds', values.rounds ?? (values.quick ? '2' : '5')),
    seconds: positive('--seconds', values.seconds ?? (values.quick ? '1' : '3')),
    peers: list(values.peers),
    figures: figures.map((figure) => {
      const known = FIGURE_GROUPS.find((group) => group === figure);
      if (known === undefined) throw new Error(`--figures: no "${figure}" (${FIGURE_GROUPS.join(', ')})`);
      return known;
    }),
    relays: (list(values.relays) ?? (values.quick ? ['1000'] : ['1000', '10000'])).map((text) =>
      positive('--relays', text),
    ),
    patience: positive('--patience', values.patience),
    awake: values.awake,
    tproxy: resolve(root, values.tproxy),
    against:
      values['against-build'] === undefined
        ? undefined
        : { label: values['against-label'] ?? 'against', executable: values['against-build'] },
    json: values.json,
    svg: values.svg,
  };
}

export function list(text: string | undefined): string[] | undefined {
  return text
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

export function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${option}: "${text}" is not a whole number from 1`);
  return value;
}
