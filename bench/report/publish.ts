import { writeFileSync } from 'node:fs';
import type { Measurement } from '../figures/figure.ts';
import type { Machine } from '../host/machine.ts';
import type { Options } from '../options.ts';
import type { Peer } from '../peers/peer.ts';
import { AGAINST_KEY, TPROXY_KEY } from '../peers/select.ts';
import { DATA_GOALS, judgeGoals, renderGoals } from './goals.ts';
import { compareBuilds, renderComparison } from './regressions.ts';
import type { AllSamples } from './samples.ts';
import { type ChartPeer, renderSvg } from './svg.ts';
import { renderTables } from './table.ts';

/** Everything that a run of peers side by side has to tell. */
export interface Run {
  readonly machine: Machine;
  readonly options: Options;
  readonly peers: readonly Peer[];
  readonly measurements: readonly Measurement[];
  readonly samples: AllSamples;
  readonly notes: readonly string[];
}

/** Prints the tables, writes the files that were asked for. `worse`: a figure is worse than in the build of `--against`. */
export function publish({ machine, options, peers, measurements, samples, notes }: Run): 'fine' | 'worse' {
  const figures = measurements.flatMap((measurement) => measurement.figures);
  const goals = judgeGoals(DATA_GOALS, samples, TPROXY_KEY);
  const { against } = options;
  const comparison = against === undefined ? [] : compareBuilds(figures, samples, TPROXY_KEY, AGAINST_KEY);
  const sections = [
    headline(machine, options),
    renderTables(figures, peers, samples, TPROXY_KEY),
    ...(goals.length > 0 ? [renderGoals(goals)] : []),
    ...(against !== undefined ? [renderComparison(comparison, against.label)] : []),
    ...(notes.length > 0 ? [['Notes', ...notes.map((text) => `  ${text}`)].join('\n')] : []),
  ];
  console.log(`\n${sections.join('\n\n')}\n`);

  if (options.json !== undefined) {
    const named = peers.map(({ key, label }) => ({ key, label }));
    const report = { machine, options, peers: named, figures, samples, goals, comparison, notes };
    writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  if (options.svg !== undefined) {
    writeFileSync(options.svg, renderSvg(figures, peers.map(charted), samples, caption(machine, options)));
  }
  return comparison.some(({ verdict }) => verdict === 'worse') ? 'worse' : 'fine';
}

function charted({ key, label, proxies }: Peer): ChartPeer {
  if (key === TPROXY_KEY) return { key, label, kind: 'subject' };
  return { key, label, kind: proxies ? 'peer' : 'limit' };
}

function headline(machine: Machine, { rounds, seconds, awake }: Options): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.commit}: ${rounds} rounds of ${seconds} s, cells are median (min–max) and tproxy ÷ that peer`,
    `  ${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}${awake ? ', cores kept awake' : ''}`,
    `  ${versions.join(', ')}`,
  ].join('\n');
}

function caption(machine: Machine, { rounds }: Options): string {
  return `${machine.cores} × ${machine.cpu}, Linux ${machine.kernel}; median of ${rounds} rounds, line: worst to best round`;
}
