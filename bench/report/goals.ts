import { type AllSamples, medianRatio, spreadOf } from './samples.ts';
import { align } from './table.ts';

/** The numbers that the design asks for. */
interface Goal {
  readonly what: string;
  readonly figure: string;
  /** Ratio to this peer; without one, the figure itself. */
  readonly to?: string;
  readonly bound: number;
  readonly sense: 'at least' | 'at most';
  readonly unit?: string;
}

export const DATA_GOALS: readonly Goal[] = [
  ...(['up', 'down'] as const).flatMap((direction) => [
    atLeast(1.5, 'haproxy', `bulk ${direction}, 1 stream`, `bulk.${direction}.1`),
    atLeast(4, 'node', `bulk ${direction}, 1 stream`, `bulk.${direction}.1`),
  ]),
  atLeast(1, 'haproxy', 'keep-alive requests, 32 connections', 'requests.rate.32'),
  atMost(1.2, 'haproxy', 'p99 of a request, 32 connections', 'requests.p99.32'),
  atLeast(1, 'haproxy', 'new connections, 32 at a time', 'connections.rate'),
  within(10, ' MB', 'private memory of an idle listener', 'memory.idle.listener'),
  within(30, ' MB', 'private memory of an idle forwarder', 'memory.idle.forwarder'),
  within(2, ' KB', 'memory per idle relay, the most of them', 'memory.relay.most'),
];

export const HOOK_GOALS: readonly Goal[] = [
  within(100, ' ms', 'up, nothing to do', 'up.nothing'),
  within(150, ' ms', 'up, daemons running', 'up.running'),
  within(300, ' ms', 'up, starting the daemons', 'up.starting'),
  atMost(0.3, 'stock', 'up, nothing to do', 'up.nothing'),
  atMost(0.3, 'stock', 'up, daemons running', 'up.running'),
  atMost(0.3, 'stock', 'up, starting the daemons', 'up.starting'),
];

/** A host with many bridges against one with few. */
export const SCALE_GOALS: readonly Goal[] = [
  atMost(1.3, 'one', 'up, nothing to do, the most bridges', 'up, nothing to do, ms'),
  atMost(1.3, 'one', 'up, daemons running, the most bridges', 'up, daemons running, ms'),
];

function atLeast(bound: number, to: string, what: string, figure: string): Goal {
  return { what, figure, to, bound, sense: 'at least' };
}

function atMost(bound: number, to: string, what: string, figure: string): Goal {
  return { what, figure, to, bound, sense: 'at most' };
}

function within(bound: number, unit: string, what: string, figure: string): Goal {
  return { what, figure, bound, unit, sense: 'at most' };
}

export interface JudgedGoal extends Goal {
  readonly measured: number;
  readonly reached: boolean;
}

/** The goals that this run can judge. */
export function judgeGoals(goals: readonly Goal[], samples: AllSamples, subject: string): JudgedGoal[] {
  return goals.flatMap((goal) => {
    const ofFigure = samples[goal.figure];
    const measured = goal.to
      ? medianRatio(ofFigure, subject, goal.to)
      : spreadOf(ofFigure?.[subject])?.median;
    if (measured === undefined) return [];
    const reached = goal.sense === 'at least' ? measured >= goal.bound : measured <= goal.bound;
    return [{ ...goal, measured, reached }];
  });
}

export function renderGoals(goals: readonly JudgedGoal[]): string {
  const rows = goals.map(({ what, to, bound, sense, unit, measured, reached }) => [
    reached ? 'reached' : 'MISSED',
    what,
    `${sense} ${bound}${unit ?? ` × ${to}`}`,
    `${measured.toFixed(2)}${unit ?? ''}`,
  ]);
  return ['Goals of the design', ...align(rows)].join('\n');
}
