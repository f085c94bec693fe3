import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readEnvironment, runBenchmark, say } from './environment.ts';
import type { Context, Figure, Subject } from './figures/figure.ts';
import { wrk } from './figures/wrk.ts';
import { keepCoresAwake } from './host/awake.ts';
import { describeMachine } from './host/machine.ts';
import { run, sleep, startBackground } from './host/run.ts';
import { DEFAULT_TPROXY, list, positive } from './options.ts';
import { BRIDGE } from './peers/peer.ts';
import { policed } from './peers/policed.ts';
import { selectPeers, TPROXY_KEY } from './peers/select.ts';
import { type AllSamples, addSample, medianRatio, spreadOf } from './report/samples.ts';
import { align, renderTables } from './report/table.ts';
import { openSubject } from './subjects.ts';
import { addGuest, guestNetns } from './topology/bridge.ts';
import { SINK_PORT } from './topology/ports.ts';
import { openUpstream, UPSTREAM_NETNS } from './topology/upstream.ts';

/**
 * What one guest loses while another one on its bridge opens connections and sends garbage over them as fast as it can.
 *
 * `beside`: the proxy has a processor for itself. All others share the first one, where the attacker and what it attacks get
 * what the rest leaves over: on a hypervisor guests have processors of their own. They take from each other all the same, in
 * the kernel, which serves packets for whoever is there. How much that is shows the way without a proxy under the same
 * attack; what a proxy loses beyond it is the proxy's doing.
 *
 * `apart`: the attacker, and what it attacks, have a processor for themselves, so that it spends what is its own. The other
 * guest, its upstream and the proxy share the second one: it loses what the proxy does for the attacker.
 */
const PLACES = {
  beside: { attacker: '0', guest: '0', proxy: '1' },
  apart: { attacker: '0', guest: '1', proxy: '1' },
} as const;
type PlacesName = keyof typeof PLACES;
/** New connections/s and Mbit/s that a port may send, where it is limited. */
const DEFAULT_PORT_RATE = '300';
const DEFAULT_PORT_BANDWIDTH = '400';
const CONNECTIONS = 4;
/** What is attacked: a guest that asks as fast as it is answered, and one that has something else to do as well. */
const GUESTS = { busy: undefined, thinking: 2 };
const ATTACKER = { netns: guestNetns('attacker'), address: '172.16.0.99', port: `${BRIDGE}x` };
/** The attack begins before the measurement and ends after it. */
const MARGIN_MS = 500;

function placesNamed(text: string): PlacesName {
  const names = Object.keys(PLACES) as PlacesName[];
  const known = names.find((name) => name === text);
  if (known === undefined) throw new Error(`--places: no "${text}" (${names.join(', ')})`);
  return known;
}

/** A table per guest. `attacks`: what the attacker gets of a processor, in percent. */
const figuresOf = (attacks: readonly number[]): readonly Figure[] =>
  Object.entries(GUESTS).flatMap(([guest, thinkMs]) =>
    ['alone', ...attacks].map((attack) => ({
      key: `${guest}.${attack}`,
      column: attack === 'alone' ? attack : `attacked with ${attack} % of a processor`,
      table: `Requests/s of a guest with ${CONNECTIONS} connections${thinkMs === undefined ? '' : `, each of which waits ${thinkMs} ms between two requests`}`,
      better: 'more',
      digits: 0,
    })),
  );

await runBenchmark(async () => {
  const environment = readEnvironment();
  const { root, scratch, js } = environment;
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '2' },
      peers: { type: 'string', default: 'tproxy,haproxy,routed' },
      attacks: { type: 'string', default: '25,100' },
      places: { type: 'string', default: 'beside' },
      'port-rate': { type: 'string' },
      'port-bandwidth': { type: 'string' },
      tproxy: { type: 'string', default: DEFAULT_TPROXY },
      json: { type: 'string' },
    },
  });
  const rounds = positive('--rounds', values.rounds);
  const seconds = positive('--seconds', values.seconds);
  const attacks = (list(values.attacks) ?? []).map((text) => positive('--attacks', text));
  const places = PLACES[placesNamed(values.places)];
  const policing = {
    portRate: positive('--port-rate', values['port-rate'] ?? DEFAULT_PORT_RATE),
    portBandwidth: positive('--port-bandwidth', values['port-bandwidth'] ?? DEFAULT_PORT_BANDWIDTH),
  };
  const figures = figuresOf(attacks);
  const tproxy = resolve(root, values.tproxy);
  const machine = await describeMachine(tproxy);
  const notes = new Set<string>();
  const note = (text: string) => notes.add(text);

  // The wake-up of a sleeping processor would be most of what a request takes, until the attack keeps it awake.
  keepCoresAwake();
  await pin(process.pid, places.guest);
  const upstream = await openUpstream(scratch, js);
  startBackground(
    [
      'ip',
      'netns',
      'exec',
      UPSTREAM_NETNS,
      ...idle(places.attacker, [process.execPath, join(js, 'sink.mjs'), `${SINK_PORT}`]),
    ],
    join(scratch, 'sink.log'),
  );
  const chosen = selectPeers({ peers: list(values.peers), tproxy, against: undefined }, say);
  const peers = chosen.flatMap((peer) =>
    peer.key === TPROXY_KEY ? [peer, policed(peer, policing)] : [peer],
  );
  const subjects: Subject[] = [];
  for (const [i, peer] of peers.entries()) {
    const subject = await openSubject(peer, i + 1, { js, scratch, upstream, maxRelays: 4000 });
    await addGuest(subject.hypervisor, BRIDGE, ATTACKER, !peer.proxies);
    const { inside, outside } = subject.hypervisor.pidsByNetns([guestNetns(BRIDGE)]);
    for (const pid of [...inside, ...outside]) await pin(pid, places.proxy);
    subjects.push(subject);
    say(`${peer.label} serves`);
  }

  const context: Pick<Context, 'root' | 'note'> = { root, note };
  const samples: AllSamples = {};
  for (let round = 0; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const { key } = subject.peer;
      const keep = (figure: string, value: number) => addSample(samples, figure, key, round, value);
      for (const [guest, thinkMs] of Object.entries(GUESTS)) {
        const load = { connections: CONNECTIONS, seconds, ...(thinkMs === undefined ? {} : { thinkMs }) };
        keep(`${guest}.alone`, (await wrk(subject, context, load)).perSecond);
        for (const percent of attacks) {
          const under = attackOf(subject, js, seconds * 1000 + 2 * MARGIN_MS, percent, places.attacker);
          await sleep(MARGIN_MS);
          keep(`${guest}.${percent}`, (await wrk(subject, context, load)).perSecond);
          const { connections, bytes } = await under;
          keep(`${guest}.${percent}.connections`, connections / (seconds + (2 * MARGIN_MS) / 1000));
          keep(`${guest}.${percent}.megabytes`, bytes / 1e6 / (seconds + (2 * MARGIN_MS) / 1000));
        }
      }
    }
    say(`round ${round + 1}/${rounds}`);
  }

  console.log(
    `\n${machine.versions.tproxy}: ${rounds} rounds of ${seconds} s; cells are median (min–max) and tproxy ÷ that peer\n`,
  );
  console.log(`${renderTables(figures, peers, samples, 'tproxy')}\n`);
  console.log(['Loss under attack', ...align(losses(peers, attacks, samples))].join('\n'));
  for (const text of notes) console.log(`  ${text}`);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ machine, figures, samples }, undefined, 2)}\n`);
  }
  return 0;
});

/** A line per guest, attack and peer: the median over the rounds of what was lost, and what the attack was. */
function losses(
  peers: readonly { readonly key: string; readonly label: string }[],
  attacks: readonly number[],
  samples: AllSamples,
): string[][] {
  const rows = Object.keys(GUESTS).flatMap((guest) =>
    attacks.flatMap((percent) =>
      peers.map(({ key, label }) => {
        const figure = `${guest}.${percent}`;
        const pair = {
          attacked: samples[figure]?.[key] ?? [],
          alone: samples[`${guest}.alone`]?.[key] ?? [],
        };
        const ratio = medianRatio(pair, 'attacked', 'alone');
        const loss = ratio === undefined ? '–' : `${Math.round(100 * (1 - ratio))} %`;
        const median = (what: string) =>
          `${Math.round(spreadOf(samples[`${figure}.${what}`]?.[key])?.median ?? 0)}`;
        return [guest, `${percent} %`, label, loss, median('connections'), median('megabytes')];
      }),
    ),
  );
  return [['guest', 'attacker has', '', 'loss', 'connections/s', 'MB/s sent'], ...rows];
}

/** Runs when nobody else wants the processor. */
function idle(processor: string, argv: readonly string[]): string[] {
  return ['taskset', '--cpu-list', processor, 'chrt', '--idle', '0', ...argv];
}

/** All threads of a process, and what they start from then on. */
async function pin(pid: number, processors: string): Promise<void> {
  await run(['taskset', '--all-tasks', '--cpu-list', '--pid', processors, String(pid)]);
}

async function attackOf(
  { target, hypervisor }: Subject,
  js: string,
  ms: number,
  percent: number,
  processor: string,
): Promise<{ connections: number; bytes: number }> {
  const client = [process.execPath, join(js, 'attack.mjs'), target, `${SINK_PORT}`, `${ms}`, `${percent}`];
  const output = await run([...hypervisor.asClient(ATTACKER.netns), ...idle(processor, client)], {
    timeoutMs: ms + 20_000,
  });
  return JSON.parse(output) as { connections: number; bytes: number };
}
