import type { FromWorker, ToWorker } from '../dataplane/messages.ts';
import type { LogFile } from '../log.ts';
import type { RelayList, Stats } from '../model/stats.ts';
import { Answers } from './answers.ts';
import type { SyncReport } from './control.ts';
import { Counters } from './counters.ts';
import { HealthWatch } from './health.ts';
import { livingOf } from './living.ts';
import { MetricsPlace } from './metrics-place.ts';
import { relayList } from './relay-list.ts';
import { type BridgeCondition, composeStats } from './stats.ts';

/** What is looked at. */
export interface Observed {
  readonly log: LogFile['logger'];
  post(message: ToWorker): void;
  nameOf(bridgeId: number): string | undefined;
  /** The bridges that are served. */
  conditions(): BridgeCondition[];
  isServed(bridge: string): boolean;
}

/** Everything that the forwarder counts and tells of itself; it decides nothing. */
export class Observation {
  private readonly observed: Observed;
  private readonly counters: Counters;
  private readonly health: HealthWatch;
  private readonly metrics: MetricsPlace;
  private readonly lists = new Answers<Float64Array>();
  private readonly sums = new Answers<Float64Array>();

  /** `again`: the forwarder was started after another one had died. */
  constructor(observed: Observed, again: boolean) {
    this.observed = observed;
    this.counters = new Counters(
      (id) => observed.nameOf(id),
      (bridge) => observed.isServed(bridge),
    );
    this.health = new HealthWatch(again);
    this.metrics = new MetricsPlace({
      log: observed.log,
      stats: () => this.stats(false),
      trouble: (reason) => this.health.metricsTrouble(reason, observed.log),
    });
  }

  /** What an operator should hear, although guests are served. */
  get warnings(): readonly string[] {
    return this.health.warnings;
  }

  onMessage(message: Extract<FromWorker, { type: 'records' | 'refused' | 'listed' | 'summed' }>): void {
    switch (message.type) {
      case 'records':
        this.counters.add(message.records);
        break;
      case 'refused':
        for (const { bridgeId, cause, count } of message.refusals) {
          this.counters.refused(bridgeId, cause, count);
        }
        break;
      case 'listed':
        this.lists.take(message.id, message.relays);
        break;
      case 'summed':
        this.sums.take(message.id, message.sums);
        break;
    }
  }

  recovered(bridge: string): void {
    this.counters.recovered(bridge);
  }

  reloaded(report: SyncReport, only?: string): void {
    this.health.reloaded(report, only);
  }

  /** Serves metrics at `listen`, and no longer where they were served. */
  serveMetrics(listen: string | undefined): Promise<void> {
    return this.metrics.move(listen);
  }

  stopMetrics(): void {
    this.metrics.close();
  }

  /** What was counted, living relays included. */
  async stats(byGuest: boolean): Promise<Stats> {
    const { observed, counters } = this;
    const asked = performance.now();
    const sums = await this.sums.to((id) => observed.post({ type: 'sum', id, byGuest }));
    return composeStats({
      bridges: observed.conditions(),
      counters,
      living: livingOf(sums, (id) => observed.nameOf(id)),
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
