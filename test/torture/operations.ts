import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONDITION_MS, stalledMs } from '../support/patience.ts';
import type { Judge, Kill, Told } from './judge.ts';
import { type Mesh, type Scene, STEADY, TOGGLES, writeMap } from './scene.ts';
import { CLOSED, monotonicMs } from './timeline.ts';
import { titlesOf } from './weights.ts';

/** A process that was killed or stopped must be replaced within this time, seen from the guests. */
const BACK_MS = { kill: 2000, stop: 10_000 } as const;
/** One that keeps dying is started again after a pause of up to this length. */
const LONGEST_PAUSE_MS = 5000;
const STEADY_MS = 10_000;
/** A signal takes a moment to arrive. */
const SIGNAL_MS = 5;
const POLL_MS = 10;

export type Way = keyof typeof BACK_MS;
type Struck = Omit<Kill, 'since'>;

export interface OperationCounts {
  reloads: number;
  restarts: number;
  killedForwarders: number;
  killedListeners: number;
  killedWatches: number;
  stoppedForwarders: number;
  stoppedListeners: number;
  failedVerbs: number;
  /** Came back later than they should have. */
  late: number;
  slowestReloadMs: number;
  slowestRestartMs: number;
  slowestRecoveryMs: number;
}

/** What an operator and fate do to the daemons, one after the other. */
export class Operations {
  readonly counts: OperationCounts = {
    reloads: 0,
    restarts: 0,
    killedForwarders: 0,
    killedListeners: 0,
    killedWatches: 0,
    stoppedForwarders: 0,
    stoppedListeners: 0,
    failedVerbs: 0,
    late: 0,
    slowestReloadMs: 0,
    slowestRestartMs: 0,
    slowestRecoveryMs: 0,
  };
  readonly examples: string[] = [];
  private readonly scene: Scene;
  private readonly judge: Judge;
  private readonly random: (limit: number) => number;
  private forwarderSince = monotonicMs();
  private readonly lastTrouble = new Map<string, number>();
  /** Start of the last connection of a bridge that reached its upstream. */
  private readonly served = new Map<string, number>();
  private readonly firstServed = new Map<string, number>();

  constructor(scene: Scene, judge: Judge, random: (limit: number) => number) {
    this.scene = scene;
    this.judge = judge;
    this.random = random;
  }

  get faults(): number {
    return this.counts.failedVerbs + this.counts.late;
  }

  /** Every connection that has ended, for the time that guests were without service. */
  heard(bridge: string, told: Told): void {
    if (told.reached === 0) return;
    const since = this.served.get(bridge);
    if (since === undefined || told.start < since) return;
    this.firstServed.set(bridge, Math.min(this.firstServed.get(bridge) ?? told.reached, told.reached));
  }

  /** Changes where services of one or more bridges lead, adds one, removes one; reload. */
  async reload(): Promise<void> {
    const meshes = this.random(4) === 0 ? this.scene.meshes : [this.pick(this.scene.meshes)];
    for (const mesh of meshes) {
      this.changeSomething(mesh);
      await writeMap(this.scene, mesh);
    }
    await this.verb('reload');
    this.counts.reloads += 1;
  }

  async restart(): Promise<void> {
    const began = monotonicMs();
    await this.verb('restart');
    this.forwarderSince = began;
    this.counts.restarts += 1;
  }

  async killForwarder(way: Way): Promise<void> {
    const since = this.forwarderSince;
    const { before } = await this.strike('one_tproxy', way, this.scene.meshes, (struck) => {
      this.judge.kills.push(Object.assign(struck, { since }));
    });
    // Its successor's relays are older than the next restart.
    this.forwarderSince = before;
    this.counts[way === 'kill' ? 'killedForwarders' : 'stoppedForwarders'] += 1;
  }

  async killListener(way: Way): Promise<void> {
    const mesh = this.pick(this.scene.meshes);
    await this.strike(`one_tproxy_${mesh.bridge}`, way, [mesh]);
    this.counts[way === 'kill' ? 'killedListeners' : 'stoppedListeners'] += 1;
  }

  /** The watch is nobody's business but the next restart's; guests notice nothing. */
  async killWatch(): Promise<void> {
    for (const { title, pid } of titlesOf(this.scene.box)) {
      if (title === 'tproxy_watch') process.kill(pid, 'SIGKILL');
    }
    this.counts.killedWatches += 1;
    await this.restart();
  }

  private changeSomething(mesh: Mesh): void {
    const now = monotonicMs();
    const elsewhere = (port: number): number => {
      const others = mesh.upstreams.filter((upstream) => upstream !== mesh.timelines.get(port)?.current);
      return this.pick(others);
    };
    const steady = this.pick(STEADY);
    mesh.timelines.get(steady)?.begin(elsewhere(steady), now);
    if (this.random(2) === 0) return;
    const toggle = this.pick(TOGGLES);
    const isOpen = mesh.timelines.get(toggle)?.current !== CLOSED;
    mesh.timelines.get(toggle)?.begin(isOpen ? CLOSED : elsewhere(toggle), now);
  }

  private async verb(verb: 'reload' | 'restart'): Promise<void> {
    const began = monotonicMs();
    const { status, stdout, stderr } = await this.scene.hypervisor.tproxy(verb);
    const now = monotonicMs();
    if (status !== 0) {
      this.counts.failedVerbs += 1;
      this.complain(`tproxy ${verb}: exit ${status}: ${stdout}${stderr}`);
      return;
    }
    for (const { timelines } of this.scene.meshes)
      for (const timeline of timelines.values()) timeline.done(now);
    const slowest = verb === 'reload' ? 'slowestReloadMs' : 'slowestRestartMs';
    this.counts[slowest] = Math.max(this.counts[slowest], now - began);
  }

  /** Kills or stops a process and waits until it is gone and the guests of its bridges are served again. */
  private async strike(
    title: string,
    way: Way,
    meshes: readonly Mesh[],
    note: (struck: Struck) => void = () => undefined,
  ): Promise<Struck> {
    const found = titlesOf(this.scene.box).filter((process) => process.title === title);
    const [victim] = found;
    if (victim === undefined || found.length > 1)
      throw new Error(`${found.length} processes titled ${title}`);
    this.firstServed.clear();
    const stalled = stalledMs();
    const before = monotonicMs();
    process.kill(victim.pid, way === 'kill' ? 'SIGKILL' : 'SIGSTOP');
    const at = monotonicMs();
    const struck: Struck = { before, after: at, over: undefined };
    note(struck);
    const over = this.end(victim.pid).then((time) => {
      struck.over = time;
    });
    for (const { bridge } of meshes) this.served.set(bridge, at + SIGNAL_MS);
    const missing = () => meshes.filter(({ bridge }) => !this.firstServed.has(bridge));
    while (missing().length > 0 && monotonicMs() < at + CONDITION_MS) await sleep(POLL_MS);
    const left = missing().map(({ bridge }) => bridge);
    if (left.length > 0)
      throw new Error(`${title} (${way}): guests of ${left.join(', ')} are not served any more`);
    // Only then are its sockets with two processes again: what happens next shall not hit both.
    await over;
    await this.succeeded(title, found);
    const took = Math.max(...meshes.map(({ bridge }) => (this.firstServed.get(bridge) ?? at) - at));
    this.counts.slowestRecoveryMs = Math.max(this.counts.slowestRecoveryMs, took);
    const again = at - (this.lastTrouble.get(title) ?? Number.NEGATIVE_INFINITY) < STEADY_MS;
    this.lastTrouble.set(title, at + took);
    if (took - (stalledMs() - stalled) > BACK_MS[way] + (again ? LONGEST_PAUSE_MS : 0)) {
      this.counts.late += 1;
      this.complain(`${title} (${way}): guests waited ${Math.round(took)} ms`);
    }
    return struck;
  }

  /** When a process was gone. A zombie has closed all it had. */
  private async end(pid: number): Promise<number> {
    const deadline = monotonicMs() + CONDITION_MS;
    while (isAlive(pid)) {
      if (monotonicMs() > deadline) throw new Error(`process ${pid} does not end`);
      await sleep(POLL_MS);
    }
    return monotonicMs();
  }

  private async succeeded(title: string, before: readonly { readonly pid: number }[]): Promise<void> {
    const old = before.map(({ pid }) => pid);
    const isBack = () =>
      titlesOf(this.scene.box).some(
        (process) => process.title === title && !old.includes(process.pid) && socketsOf(process.pid) > 1,
      );
    const deadline = monotonicMs() + CONDITION_MS;
    while (!isBack()) {
      if (monotonicMs() > deadline) throw new Error(`${title} has no successor`);
      await sleep(POLL_MS);
    }
  }

  private complain(text: string): void {
    if (this.examples.length < 20) this.examples.push(text);
  }

  private pick<T>(from: readonly T[]): T {
    const picked = from[this.random(from.length)];
    if (picked === undefined) throw new Error('nothing to choose from');
    return picked;
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** How many sockets a process has: one with its forwarder, and those of the services. */
function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).filter((fd) => readlinkSync(`${folder}/${fd}`).startsWith('socket:')).length;
  } catch {
    return 0;
  }
}
