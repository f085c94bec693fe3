import type { RelayCount } from '../../control/operations.ts';
import type { BridgeReport } from '../../control/report.ts';
import type { FromDataPlane, ToDataPlane } from '../../dataplane/messages.ts';
import type { LogFile } from '../../log.ts';
import { MetricsExporter } from '../../metrics/exporter.ts';
import type { RelayList, Stats } from '../../model/stats.ts';
import { type BridgeCondition, composeStats } from './compose-stats.ts';
import { Counters } from './counters.ts';
import { FinishedLog } from './finished-log.ts';
import { HealthWatch } from './health.ts';
import { livingTotals } from './living-totals.ts';
import { PendingAnswers } from './pending-answers.ts';
import { logRefusals } from './refusal-log.ts';
import { relayList } from './relay-list.ts';

/** What is looked at. */
export interface Observed {
  readonly log: LogFile['logger'];
  post(message: ToDataPlane): void;
  nameOf(bridgeId: number): string | undefined;
  /** The bridges that are served. */
  conditions(): BridgeCondition[];
  isServed(bridge: string): boolean;
}

type Counted = Extract<FromDataPlane, { type: 'counted' }>;

/** What the data plane tells of connections. */
type Told = Extract<FromDataPlane, { type: 'records' | 'refused' | 'counted' | 'listed' | 'summed' }>;

/** Everything that the forwarder counts and tells of itself; it decides nothing. */
export class Observation {
  private readonly observed: Observed;
  private readonly counters: Counters;
  private readonly health: HealthWatch;
  private readonly metrics: MetricsExporter;
  private readonly finished: FinishedLog;
  private readonly counts = new PendingAnswers<Counted>();
  private readonly lists = new PendingAnswers<Float64Array>();
  private readonly sums = new PendingAnswers<Float64Array>();

  /** `again`: the forwarder was started after another one had died. */
  constructor(observed: Observed, debugLevel: number, again: boolean) {
    this.observed = observed;
    const nameOf = (id: number): string | undefined => observed.nameOf(id);
    this.counters = new Counters(nameOf, (bridge) => observed.isServed(bridge));
    this.finished = new FinishedLog(debugLevel, nameOf);
    this.health = new HealthWatch(again);
    this.metrics = new MetricsExporter({
      log: observed.log,
      stats: () => this.stats(false),
      trouble: (reason) => this.health.metricsTrouble(reason, observed.log),
    });
  }

  /** What an operator should hear, although guests are served. */
  get warnings(): readonly string[] {
    return this.health.warnings;
  }

  /** How much is written of finished connections. */
  setLevel(debugLevel: number): void {
    this.finished.setLevel(debugLevel);
  }

  onMessage(message: Told): void {
    const { observed } = this;
    switch (message.type) {
      case 'records':
        this.counters.add(message.records);
        this.finished.write(message.records);
        break;
      case 'refused':
        for (const { bridgeId, cause, count } of message.refusals) {
          this.counters.refused(bridgeId, cause, count);
        }
        logRefusals(observed.log, message.refusals, (id) => observed.nameOf(id));
        break;
      case 'counted':
        this.counts.take(message.id, message);
        break;
      case 'listed':
        this.lists.take(message.id, message.relays);
        break;
      case 'summed':
        this.sums.take(message.id, message.sums);
        break;
      default:
        message satisfies never;
    }
  }

  recovered(bridge: string): void {
    this.counters.recovered(bridge);
  }

  reloaded(bridges: readonly BridgeReport[] | undefined, only?: string): void {
    this.health.reloaded(bridges, only);
  }

  /** Serves metrics at `listen`, and no longer where they were served. */
  serveMetrics(listen: string | undefined): Promise<void> {
    return this.metrics.move(listen);
  }

  stopMetrics(): void {
    this.metrics.close();
  }

  /** Nothing more will be told of this bridge. */
  forget(bridge: string): void {
    this.finished.forget(bridge);
  }

  /** How many relays live. Resolves only while the data plane is alive. */
  async countRelays(): Promise<RelayCount> {
    const { relays, byBridge } = await this.counts.to((id) => this.observed.post({ type: 'count', id }));
    const bridges = byBridge.map((count) => ({
      bridge: this.observed.nameOf(count.bridgeId) ?? '',
      relays: count.relays,
    }));
    return { bridges, relays };
  }

  /** What was counted, living relays included. */
  async stats(byGuest: boolean): Promise<Stats> {
    const { observed, counters } = this;
    const asked = performance.now();
    const sums = await this.sums.to((id) => observed.post({ type: 'sum', id, byGuest }));
    return composeStats({
      bridges: observed.conditions(),
      counters,
      living: livingTotals(sums, (id) => observed.nameOf(id)),
      health: this.health.look(performance.now() - asked),
      byGuest,
    });
  }

  /** Living connections, one by one. */
  async relays(): Promise<RelayList> {
    const list = await this.lists.to((id) => this.observed.post({ type: 'list', id }));
    return relayList(list, (id) => this.observed.nameOf(id));
  }
}
