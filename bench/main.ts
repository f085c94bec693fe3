import { writeFileSync } from 'node:fs';
import { readEnvironment, runBenchmark, say } from './environment.ts';
import type { Context, Subject } from './figures/figure.ts';
import { selectMeasurements } from './figures/select.ts';
import { keepCoresAwake } from './host/awake.ts';
import { DISTURBED_SHARE } from './host/disturbance.ts';
import { describeMachine, type Machine } from './host/machine.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import { AGAINST_KEY, selectPeers, TPROXY_KEY } from './peers/select.ts';
import { DATA_GOALS, judgeGoals, renderGoals } from './report/goals.ts';
import { compareBuilds, renderComparison } from './report/regressions.ts';
import { renderSvg } from './report/svg.ts';
import { renderTables } from './report/table.ts';
import { measureRounds } from './rounds.ts';
import { openSubject } from './subjects.ts';
import { openUpstream } from './topology/upstream.ts';

/** Both ends, in whatever process holds both. */
const DESCRIPTORS_PER_RELAY = 2;
/** For everything else that a peer opens: pipes, listeners, logs, a reserve. */
const SPARE_DESCRIPTORS = 1000;

await runBenchmark(async () => {
  const { root, scratch, js, descriptors } = readEnvironment();
  const asked = parseOptions(process.argv.slice(2), root);
  if (asked === 'help') {
    console.log(USAGE);
    return 0;
  }
  const notes: string[] = [];
  const note = (text: string) => {
    if (notes.includes(text)) return;
    notes.push(text);
    say(`WARNING: ${text}`);
  };
  const possible = Math.floor((descriptors - SPARE_DESCRIPTORS) / DESCRIPTORS_PER_RELAY);
  const options = { ...asked, relays: [...new Set(asked.relays.map((count) => Math.min(count, possible)))] };
  if (Math.max(...asked.relays) > possible) {
    note(`a process has ${descriptors} descriptors here at most: ${possible} relays instead of more`);
  }
  const peers = selectPeers(options, note);
  const measurements = selectMeasurements(options);
  if (options.awake) keepCoresAwake();
  const machine = await describeMachine();
  if (machine.busyBefore > DISTURBED_SHARE) {
    note(`others used ${Math.round(machine.busyBefore * 100)} % of the machine just before the run`);
  }

  const upstream = await openUpstream(scratch, js);
  const setup = { js, scratch, upstream, maxRelays: Math.max(...options.relays) };
  const subjects: Subject[] = [];
  for (const [i, peer] of peers.entries()) {
    subjects.push(await openSubject(peer, i + 1, setup));
    say(`${peer.label} serves`);
  }
  const context: Context = { options, upstream, js, root, note };
  const samples = await measureRounds(subjects, measurements, context, say);

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
    const report = { machine, options, peers: peers.map(named), figures, samples, goals, comparison, notes };
    writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  if (options.svg !== undefined) {
    const charted = peers.map((peer) => ({
      ...named(peer),
      kind:
        peer.key === TPROXY_KEY
          ? ('subject' as const)
          : peer.proxies
            ? ('peer' as const)
            : ('limit' as const),
    }));
    writeFileSync(options.svg, renderSvg(figures, charted, samples, caption(machine, options)));
  }
  return comparison.some(({ verdict }) => verdict === 'worse') ? 1 : 0;
});

function named({ key, label }: { readonly key: string; readonly label: string }) {
  return { key, label };
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
