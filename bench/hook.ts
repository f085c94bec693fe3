import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SERVICE_ADDRESS } from '../src/model/names.ts';
import { type Environment, readEnvironment, runBenchmark, say } from './environment.ts';
import type { Figure } from './figures/figure.ts';
import { DISTURBED_SHARE, leastDisturbed, openPatience } from './host/disturbance.ts';
import { describeMachine } from './host/machine.ts';
import { attempt, elapsedMs, run } from './host/run.ts';
import { DEFAULT_TPROXY, positive } from './options.ts';
import { installTproxy, TPROXY } from './peers/tproxy.ts';
import { HOOK_GOALS, judgeGoals, renderGoals } from './report/goals.ts';
import { type AllSamples, addSample } from './report/samples.ts';
import { renderTables } from './report/table.ts';
import { addBridge, guestNetns } from './topology/bridge.ts';
import { type Hypervisor, openHypervisor } from './topology/hypervisor.ts';
import { ECHO_PORT, HTTP_BODY, HTTP_PORT, SERVICE_PORTS } from './topology/ports.ts';
import { hookInput, writeConfiguration } from './topology/template.ts';
import { openUpstream, type Upstream } from './topology/upstream.ts';

/** `up` and `down` for one NIC: this program's hook beside the stock sequence of commands. */

/** The bridge that is measured, and one that only keeps the daemons running. */
const BRIDGE = 'br0';
const OTHER_BRIDGE = 'br1';
const VERB_TIMEOUT_MS = 30_000;
/** Waiting for others to be quiet, in the whole run. */
const PATIENCE_SECONDS = 120;

type Verb = 'up' | 'down';

interface Way {
  readonly key: string;
  readonly label: string;
  /** Milliseconds from start to exit; rejects when it fails. */
  readonly perform: (verb: Verb, bridge: string) => Promise<number>;
}

const TABLE = 'One NIC, ms';
const FIGURES: readonly Figure[] = [
  { key: 'up.nothing', column: 'up, nothing to do' },
  { key: 'up.running', column: 'up, daemons running' },
  { key: 'up.starting', column: 'up, starting daemons' },
  { key: 'down.running', column: 'down, others stay' },
  { key: 'down.last', column: 'down, the last one' },
].map((figure) => ({ ...figure, table: TABLE, better: 'less', digits: 0 }));

await runBenchmark(async () => {
  const environment = readEnvironment();
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      rounds: { type: 'string', default: '10' },
      tproxy: { type: 'string', default: DEFAULT_TPROXY },
      json: { type: 'string' },
    },
  });
  const rounds = positive('--rounds', values.rounds);
  const executable = resolve(environment.root, values.tproxy);
  const machine = await describeMachine(executable);
  const upstream = await openUpstream(environment.scratch, environment.js);
  const hypervisor = await openHypervisor('hook', 1, environment.scratch);
  await addBridge(hypervisor, BRIDGE);
  await addBridge(hypervisor, OTHER_BRIDGE);
  installTproxy(hypervisor, executable);
  writeConfiguration(hypervisor);

  const ways = [ourWay(hypervisor), await stockWay(hypervisor, environment.root)];
  const samples: AllSamples = {};
  const patience = openPatience(PATIENCE_SECONDS);
  let disturbed = 0;
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 === 0 ? ways : [...ways].reverse()) {
      const check = () => checkServes(hypervisor, environment, upstream, way);
      const { result, othersShare } = await leastDisturbed(() => cycle(way, check), patience);
      if (othersShare > DISTURBED_SHARE) disturbed++;
      for (const [figure, ms] of Object.entries(result)) addSample(samples, figure, way.key, round, ms);
    }
    say(`round ${round + 1}/${rounds}`);
  }

  if (disturbed > 0) say(`WARNING: others disturbed ${disturbed} of ${rounds * ways.length} cycles`);
  const goals = judgeGoals(HOOK_GOALS, samples, 'tproxy');
  console.log(
    `\n${machine.versions.tproxy}: ${rounds} rounds; cells are median (min–max) and tproxy ÷ that way\n`,
  );
  console.log(`${renderTables(FIGURES, ways, samples, 'tproxy')}\n\n${renderGoals(goals)}\n`);
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ machine, figures: FIGURES, samples, goals }, undefined, 2)}\n`,
    );
  }
  return 0;
});

/** All five figures of one way; starts and ends with nothing there. */
async function cycle(way: Way, check: () => Promise<void>): Promise<Record<string, number>> {
  const starting = await way.perform('up', BRIDGE);
  await check();
  const nothing = await way.perform('up', BRIDGE);
  const last = await way.perform('down', BRIDGE);
  await way.perform('up', OTHER_BRIDGE);
  const running = await way.perform('up', BRIDGE);
  await check();
  const staying = await way.perform('down', BRIDGE);
  await way.perform('down', OTHER_BRIDGE);
  return {
    'up.nothing': nothing,
    'up.running': running,
    'up.starting': starting,
    'down.running': staying,
    'down.last': last,
  };
}

function ourWay({ inRoot }: Hypervisor): Way {
  return {
    key: 'tproxy',
    label: 'tproxy up | down',
    perform: (verb, bridge) => {
      const index = bridge === BRIDGE ? 1 : 2;
      return elapsedMs([...inRoot, TPROXY, verb], {
        input: hookInput(bridge, index),
        timeoutMs: VERB_TIMEOUT_MS,
      });
    },
  };
}

async function stockWay({ inRoot, upstream }: Hypervisor, root: string): Promise<Way> {
  const probe =
    'table bridge probe { chain probe { meta ibrname "br0" drop; }; };\ndelete table bridge probe;\n';
  const { status } = await attempt([...inRoot, 'nft', '-c', '-f', '-'], { input: probe });
  const endpoints = SERVICE_PORTS.map((port) => `${port}:${upstream}:${port}`);
  return {
    key: 'stock',
    label: 'stock sequence',
    perform: (verb, bridge) => {
      // The names of the ports stand for the bridge where the kernel lacks `meta ibrname`.
      const match = status === 0 ? `meta ibrname ${bridge}` : `iifname ${bridge}*`;
      const script = ['bash', join(root, 'bench/stock.sh'), verb, bridge, TPROXY, ...endpoints];
      return elapsedMs([...inRoot, 'env', `STOCK_MATCH=${match}`, ...script], { timeoutMs: VERB_TIMEOUT_MS });
    },
  };
}

/** What returned 0 must hold at once. */
async function checkServes(
  hypervisor: Hypervisor,
  { js }: Environment,
  { blobFile }: Upstream,
  { label }: Way,
): Promise<void> {
  // A guest remembers the MAC of a netns that is gone for half a minute; here it is a new guest every time.
  await run([...hypervisor.inNetns(guestNetns(BRIDGE)), 'ip', 'neighbour', 'flush', 'all']);
  const client = [process.execPath, join(js, 'check.mjs'), SERVICE_ADDRESS, HTTP_PORT, ECHO_PORT].map(String);
  await run([...hypervisor.asClient(guestNetns(BRIDGE)), ...client, HTTP_BODY, blobFile]).catch(
    (error: unknown) => {
      throw new Error(`${label}: the guest is not served after up`, { cause: error });
    },
  );
}
