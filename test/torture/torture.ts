import { setTimeout as sleep } from 'node:timers/promises';
import { type Counts, type Example, Judge } from './judge.ts';
import { type OperationCounts, Operations } from './operations.ts';
import { createScene, type Scene, STEADY, TOGGLES } from './scene.ts';
import { scheduleOf } from './schedule.ts';
import { compare, settled } from './settled.ts';
import { monotonicMs } from './timeline.ts';
import { Traffic } from './traffic.ts';

export interface TortureOptions {
  readonly reloads: number;
  readonly restarts: number;
  /** Of each kind of process. */
  readonly kills: number;
  /** SIGSTOP, of each kind of process. */
  readonly stops: number;
  /** Operations are spread over this time; it takes longer when they do. */
  readonly minutes: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

export interface Report {
  readonly connections: Counts;
  readonly operations: OperationCounts;
  readonly seconds: number;
  /** What is not as it was in the beginning. */
  readonly leaks: readonly string[];
  /** Faults as lines for people. */
  readonly examples: readonly string[];
  /** Everything went right. */
  readonly ok: boolean;
}

const KINDS = { short: 4, download: 3, upload: 1, bulk: 1, half: 2, session: 4 } as const;
const OVERTIME_MS = 10 * 60_000;

/** Everything at once, on a hypervisor of its own. */
export async function torture(options: TortureOptions): Promise<Report> {
  const scene = await createScene();
  try {
    return await run(scene, options);
  } finally {
    await scene.box.close();
  }
}

async function run(scene: Scene, options: TortureOptions): Promise<Report> {
  const { say } = options;
  const random = randomFrom(options.seed);
  const timelines = new Map(scene.meshes.map(({ bridge, timelines }) => [bridge, timelines]));
  const judge = new Judge(timelines);
  const operations = new Operations(scene, judge, random);
  const leaks: string[] = [];
  await scene.hypervisor.must('start');
  const began = monotonicMs();
  const crowd = scene.meshes.map(
    ({ bridge, guest }, i) =>
      new Traffic(
        guest,
        {
          ports: STEADY,
          toggles: TOGGLES,
          kinds: KINDS,
          seed: options.seed + i,
          seconds: options.minutes < 2 ? 2 : 20,
        },
        (told) => {
          judge.take(bridge, told);
          operations.heard(bridge, told);
        },
      ),
  );
  const all = (what: 'pause' | 'go' | 'finish') => Promise.all(crowd.map((traffic) => traffic[what]()));
  try {
    await sleep(3000);
    await all('pause');
    const before = await settled(scene, undefined);
    await all('go');

    const schedule = scheduleOf(options, random);
    const spreadMs = options.minutes * 60_000 - (monotonicMs() - began);
    const first = monotonicMs();
    for (const [i, step] of schedule.entries()) {
      if (monotonicMs() - first > spreadMs + OVERTIME_MS)
        throw new Error(`too slow: ${i} of ${schedule.length} operations done`);
      if (step === 'measure') {
        await all('pause');
        leaks.push(...compare('after reloads', before, await settled(scene, before)));
        await all('go');
      } else {
        await step(operations);
        await sleep(Math.max(0, first + (spreadMs * (i + 1)) / schedule.length - monotonicMs()));
      }
      if (i % Math.ceil(schedule.length / 20) === 0) say(progress(judge.counts, operations.counts));
    }
    await all('finish');
    const after = await settled(scene, before);
    leaks.push(...compare('at the end', before, after));
    for (const weight of after) say(JSON.stringify(weight));
  } catch (error) {
    say(
      `the forwarder's log:\n${scene.hypervisor
        .log('one_tproxy')
        .slice(-30)
        .map((line) => JSON.stringify(line))
        .join('\n')}`,
    );
    throw error;
  } finally {
    await Promise.all(crowd.map((traffic) => traffic.kill()));
  }
  return reportOf(scene, judge, operations, leaks, (monotonicMs() - began) / 1000);
}

function randomFrom(seed: number): (limit: number) => number {
  let state = seed >>> 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % limit;
  };
}

function progress(connections: Counts, operations: OperationCounts): string {
  const { reloads, restarts, killedForwarders, killedListeners } = operations;
  return `  ${connections.connections} connections; ${reloads} reloads, ${restarts} restarts, ${killedForwarders} forwarders and ${killedListeners} listeners killed`;
}

/** What a guest tells of a fault, and what the log of its bridge does: nothing, when its forwarder died. */
function describe({ meshes, hypervisor }: Scene, { verdict, bridge, told }: Example): string {
  const guest = `${meshes.find((mesh) => mesh.bridge === bridge)?.guest.ip}:${told.from}`;
  const logged = hypervisor.connections(bridge).filter((line) => line.guest === guest);
  const log = logged.map((line) => JSON.stringify(line)).join(' ') || 'nothing';
  return `${verdict}: ${bridge} ${JSON.stringify(told)}; its log: ${log}`;
}

function reportOf(
  scene: Scene,
  judge: Judge,
  operations: Operations,
  leaks: readonly string[],
  seconds: number,
): Report {
  const idle = Object.keys(KINDS).filter((kind) => (judge.counts.byKind[kind] ?? 0) === 0);
  const examples = [
    ...judge.examples.map((example) => describe(scene, example)),
    ...(judge.examples.length > 0 ? judge.kills.map((kill) => `a kill: ${JSON.stringify(kill)}`) : []),
    ...operations.examples,
    ...leaks,
    ...idle.map((kind) => `not one connection of kind ${kind}: nothing is proved`),
  ];
  const ok = examples.length === 0 && judge.faults === 0 && operations.faults === 0;
  return { connections: judge.counts, operations: operations.counts, seconds, leaks, examples, ok };
}
