import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { endpointMapName, NFT_TABLE, netnsName, SERVICE_ADDRESS } from '../src/model/names.ts';
import { type Environment, readEnvironment, runBenchmark, say } from './environment.ts';
import { describeMachine } from './host/machine.ts';
import { type Memory, memoryOf } from './host/processes.ts';
import { elapsedMs, run } from './host/run.ts';
import { DEFAULT_TPROXY, list, positive } from './options.ts';
import { installTproxy, TPROXY } from './peers/tproxy.ts';
import { spreadOf } from './report/samples.ts';
import { align } from './report/table.ts';
import { addBridge, guestNetns } from './topology/bridge.ts';
import { type Hypervisor, openHypervisor } from './topology/hypervisor.ts';
import { HTTP_PORT } from './topology/ports.ts';
import { hookInput, writeConfiguration } from './topology/template.ts';
import { openUpstream } from './topology/upstream.ts';

/** What a verb, the memory and the traffic cost on a host with one and with many bridges, three services each. */

const VERB_TIMEOUT_MS = 120_000;
const TRAFFIC_SECONDS = 3;

interface Options {
  readonly bridges: readonly number[];
  readonly repeats: number;
  readonly tproxy: string;
  readonly json: string | undefined;
}

/** Numbers of one host, by what stands in the table's first column. */
type Costs = Readonly<Record<string, number>>;

await runBenchmark(async () => {
  const environment = readEnvironment();
  const options = parse(process.argv.slice(2), environment.root);
  const machine = await describeMachine();
  await openUpstream(environment.scratch, environment.js);

  const results: { readonly bridges: number; readonly costs: Costs }[] = [];
  for (const [i, bridges] of options.bridges.entries()) {
    const hypervisor = await openHypervisor(`scale${bridges}`, i + 1, environment.scratch);
    results.push({ bridges, costs: await measureHost(hypervisor, bridges, options, environment) });
    hypervisor.close();
  }

  const first = results[0]?.costs ?? {};
  const rows = Object.keys(first).map((what) => [
    what,
    ...results.map(({ costs }) => cell(costs[what], first[what], costs === first)),
  ]);
  const head = ['', ...results.map(({ bridges }) => `${bridges} ${bridges === 1 ? 'bridge' : 'bridges'}`)];
  console.log(`\n${machine.commit}: medians of ${options.repeats}; × against the first column\n`);
  console.log(`${align([head, ...rows]).join('\n')}\n`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine, results }, undefined, 2)}\n`);
  }
  return 0;
});

function parse(argv: readonly string[], root: string): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      bridges: { type: 'string', default: '1,50,200' },
      repeats: { type: 'string', default: '5' },
      tproxy: { type: 'string', default: DEFAULT_TPROXY },
      json: { type: 'string' },
    },
  });
  return {
    bridges: (list(values.bridges) ?? []).map((text) => positive('--bridges', text)),
    repeats: positive('--repeats', values.repeats),
    tproxy: resolve(root, values.tproxy),
    json: values.json,
  };
}

async function measureHost(
  hypervisor: Hypervisor,
  count: number,
  { repeats, tproxy }: Options,
  { root }: Environment,
): Promise<Costs> {
  installTproxy(hypervisor, tproxy);
  writeConfiguration(hypervisor);
  const bridges = Array.from({ length: count }, (_, i) => `br${i}`);
  for (const bridge of bridges) await addBridge(hypervisor, bridge);

  const verb = (name: string, input = '') =>
    elapsedMs([...hypervisor.inRoot, TPROXY, name], { input, timeoutMs: VERB_TIMEOUT_MS });
  const up = (i: number) => verb('up', hookInput(`br${i}`, i + 1));
  const down = (i: number) => verb('down', hookInput(`br${i}`, i + 1));
  const median = async (trial: () => Promise<number>) => {
    const values: number[] = [];
    for (let i = 0; i < repeats; i++) values.push(await trial());
    return spreadOf(values)?.median ?? Number.NaN;
  };
  const last = count - 1;
  const costs: Record<string, number> = {};

  say(`${count} bridges: up`);
  for (let i = 0; i < count; i++) await up(i);
  costs['up, nothing to do, ms'] = await median(() => up(last));
  const downs: number[] = [];
  costs['up, one more, ms'] = await median(async () => {
    downs.push(await down(last));
    return await up(last);
  });
  costs['down, one, ms'] = spreadOf(downs)?.median ?? Number.NaN;
  say(`${count} bridges: status, reload`);
  costs['status, ms'] = await median(() => verb('status'));
  costs['reload, no change, ms'] = await median(() => verb('reload'));
  let added = false;
  costs['reload, one service changed, ms'] = await median(async () => {
    await toggleEndpoint(hypervisor, `br${last}`, added);
    added = !added;
    return await verb('reload');
  });
  if (added) await toggleEndpoint(hypervisor, `br${last}`, added);

  say(`${count} bridges: memory, traffic`);
  const { listeners, forwarder } = memoryOfDaemons(hypervisor, bridges);
  costs['private memory of the forwarder, MB'] = forwarder.privateBytes / 1e6;
  costs['private memory of all listeners, MB'] = listeners.privateBytes / 1e6;
  costs['private memory per listener, MB'] = listeners.privateBytes / 1e6 / count;
  costs['Pss of all, MB'] = (listeners.pssBytes + forwarder.pssBytes) / 1e6;
  costs['requests on all bridges at once, thousands/s'] = (await traffic(hypervisor, bridges, root)) / 1000;

  say(`${count} bridges: restart, stop, start, down`);
  costs['restart, ms'] = await median(() => verb('restart'));
  const stops: number[] = [];
  costs['start, all daemons, ms'] = await median(async () => {
    stops.push(await verb('stop'));
    return await verb('start');
  });
  costs['stop, all daemons, ms'] = spreadOf(stops)?.median ?? Number.NaN;
  const startedAt = performance.now();
  for (let i = 0; i < count; i++) await down(i);
  costs['down, every bridge, ms each'] = (performance.now() - startedAt) / count;
  return costs;
}

/** A service more or less in the map, as a stock driver would write it before `reload`. */
async function toggleEndpoint(hypervisor: Hypervisor, bridge: string, remove: boolean): Promise<void> {
  const set = `element ip ${NFT_TABLE} ${endpointMapName(bridge)}`;
  const input = remove
    ? `delete ${set} { 9999 };\n`
    : `add ${set} { 9999 : ${hypervisor.upstream} . ${HTTP_PORT} };\n`;
  await run([...hypervisor.inRoot, 'nft', '-f', '-'], { input });
}

function memoryOfDaemons(
  hypervisor: Hypervisor,
  bridges: readonly string[],
): { listeners: Memory; forwarder: Memory } {
  const { inside, outside } = hypervisor.pidsByNetns(bridges.map(netnsName));
  return { listeners: memoryOf(inside), forwarder: memoryOf(outside) };
}

/** Requests per second of all guests together, one connection each. */
async function traffic(hypervisor: Hypervisor, bridges: readonly string[], root: string): Promise<number> {
  const script = join(root, 'bench/clients/wrk-report.lua');
  const argv = ['wrk', '-t', '1', '-c', '1', '-d', `${TRAFFIC_SECONDS}s`, '-s', script];
  const url = `http://${SERVICE_ADDRESS}:${HTTP_PORT}/`;
  const outputs = await Promise.all(
    bridges.map((bridge) =>
      run([...hypervisor.asClient(guestNetns(bridge)), ...argv, url], { timeoutMs: VERB_TIMEOUT_MS }),
    ),
  );
  return outputs.reduce((sum, output) => {
    const [, requests, us] = /requests=(\d+) microseconds=(\d+)/.exec(output) ?? [];
    return sum + Number(requests) / (Number(us) / 1e6);
  }, 0);
}

function cell(value: number | undefined, first: number | undefined, isFirst: boolean): string {
  if (value === undefined) return '–';
  const shown = value.toFixed(value < 100 ? 1 : 0);
  return isFirst || !first ? shown : `${shown} (${(value / first).toFixed(2)}×)`;
}
