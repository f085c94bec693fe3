import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readEnvironment, runBenchmark, say } from './environment.ts';
import { describeMachine } from './host/machine.ts';
import { DEFAULT_TPROXY, list, positive } from './options.ts';
import { judgeGoals, renderGoals, SCALE_GOALS } from './report/goals.ts';
import { type AllSamples, addSample, medianRatio, spreadOf } from './report/samples.ts';
import { align } from './report/table.ts';
import { type Host, openHost, TRAFFIC_BRIDGES } from './scale/host.ts';
import { openUpstream } from './topology/upstream.ts';

/**
 * What a verb, the memory and the traffic cost on hosts with one and with many bridges, three services each. All hosts
 * stand at once and every round goes through all of them, so that the machine's drift is no difference between them.
 */

type Keep = (figure: string, host: Host, value: number) => void;

await runBenchmark(async () => {
  const environment = readEnvironment();
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      bridges: { type: 'string', default: '1,50,200' },
      rounds: { type: 'string', default: '5' },
      tproxy: { type: 'string', default: DEFAULT_TPROXY },
      json: { type: 'string' },
    },
  });
  const counts = (list(values.bridges) ?? []).map((text) => positive('--bridges', text));
  const rounds = positive('--rounds', values.rounds);
  const executable = resolve(environment.root, values.tproxy);
  const machine = await describeMachine(executable);
  const setup = { ...environment, executable };
  await openUpstream(environment.scratch, environment.js);

  const hosts: Host[] = [];
  const samples: AllSamples = {};
  for (const [i, count] of counts.entries()) {
    say(`up for ${count} bridges, one after the other`);
    const host = await openHost(count, i + 1, setup);
    const startedAt = performance.now();
    for (let bridge = 0; bridge < count; bridge++) await host.up(bridge);
    addSample(samples, 'up for all bridges, ms each', host.label, 0, (performance.now() - startedAt) / count);
    hosts.push(host);
  }
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1}/${rounds}`);
    for (const host of hosts) {
      await measureRound(host, (figure, { label }, value) => addSample(samples, figure, label, round, value));
    }
    // A run takes long: what it has found by now is not lost with it.
    if (values.json !== undefined)
      writeFileSync(values.json, `${JSON.stringify({ machine, samples }, undefined, 2)}\n`);
  }
  for (const host of hosts) {
    say(`down for ${host.bridges} bridges, one after the other`);
    const startedAt = performance.now();
    for (let i = 0; i < host.bridges; i++) await host.down(i);
    const each = (performance.now() - startedAt) / host.bridges;
    addSample(samples, 'down for all bridges, ms each', host.label, 0, each);
  }

  const labels = hosts.map(({ label }) => label);
  const [smallest = '', most = ''] = [labels[0], labels.at(-1)];
  // Goals compare the last column with the first; a peer named "one" is that first one.
  const compared = Object.fromEntries(
    Object.entries(samples).map(([figure, of]) => [
      figure,
      { many: of[most] ?? [], one: of[smallest] ?? [] },
    ]),
  );
  const goals = labels.length > 1 ? judgeGoals(SCALE_GOALS, compared, 'many') : [];
  console.log(`\n${machine.versions.tproxy}: medians of ${rounds} rounds; × against ${smallest}\n`);
  console.log(`${align(tableOf(samples, labels)).join('\n')}\n`);
  if (goals.length > 0) console.log(`${renderGoals(goals)}\n`);
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ machine, hosts: labels, samples, goals }, undefined, 2)}\n`,
    );
  }
  return 0;
});

async function measureRound(host: Host, keep: Keep): Promise<void> {
  const extra = host.bridges;
  keep('up, daemons running, ms', host, await host.up(extra));
  keep('up, nothing to do, ms', host, await host.up(extra));
  keep('down, others stay, ms', host, await host.down(extra));
  keep('status, ms', host, await host.verb('status'));
  keep('reload, no change, ms', host, await host.verb('reload'));
  await host.toggleService();
  keep('reload, one service changed, ms', host, await host.verb('reload'));
  keep('restart, ms', host, await host.verb('restart'));
  keep('stop, all daemons, ms', host, await host.verb('stop'));
  keep('start, all daemons, ms', host, await host.verb('start'));

  const { listeners, forwarder } = host.memory();
  keep('private memory of the forwarder, MB', host, forwarder.privateBytes / 1e6);
  keep('private memory of all listeners, MB', host, listeners.privateBytes / 1e6);
  keep('private memory per listener, MB', host, listeners.privateBytes / 1e6 / host.bridges);
  keep('Pss of all, MB', host, (listeners.pssBytes + forwarder.pssBytes) / 1e6);
  keep(
    `requests on all bridges at once (${TRAFFIC_BRIDGES} at most), thousands/s`,
    host,
    (await host.traffic()) / 1000,
  );
}

function tableOf(samples: AllSamples, labels: readonly string[]): string[][] {
  const [smallest = ''] = labels;
  const rows = Object.entries(samples).map(([figure, ofFigure]) => [
    figure,
    ...labels.map((label) => {
      const median = spreadOf(ofFigure[label])?.median;
      if (median === undefined) return '–';
      const shown = median.toFixed(median < 100 ? 1 : 0);
      const ratio = label === smallest ? undefined : medianRatio(ofFigure, label, smallest);
      return ratio === undefined ? shown : `${shown} (${ratio.toFixed(2)}×)`;
    }),
  ]);
  return [['', ...labels], ...rows];
}
