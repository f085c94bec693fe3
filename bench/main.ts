import { readEnvironment, runBenchmark, say } from './environment.ts';
import type { Context, Subject } from './figures/figure.ts';
import { selectMeasurements } from './figures/select.ts';
import { keepCoresAwake } from './host/awake.ts';
import { DISTURBED_SHARE } from './host/disturbance.ts';
import { describeMachine } from './host/machine.ts';
import { parseOptions, USAGE } from './options.ts';
import { selectPeers } from './peers/select.ts';
import { publish } from './report/publish.ts';
import type { AllSamples } from './report/samples.ts';
import { measureRounds } from './rounds.ts';
import { openSubject } from './subjects.ts';
import { openUpstream } from './topology/upstream.ts';

/** Both ends, in whatever process holds both. */
const DESCRIPTORS_PER_RELAY = 2;
/** For everything else that a peer opens: pipes, listeners, logs, a reserve. */
const SPARE_DESCRIPTORS = 2000;

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
  const machine = await describeMachine(options.tproxy);
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
  const samples: AllSamples = {};
  let failed = false;
  try {
    await measureRounds(subjects, measurements, context, samples, say);
  } catch (error) {
    failed = true;
    note(`the run ended early: ${error instanceof Error ? error.message : String(error)}`);
  }

  const verdict = publish({ machine, options, peers, measurements, samples, notes });
  return failed || verdict === 'worse' ? 1 : 0;
});
