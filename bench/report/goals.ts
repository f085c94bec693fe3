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

const GOALS: readonly Goal[] = [
  ...(['up', 'down'] as const).flatMap((direction): Goal[] => [
    {
      what: `bulk ${direction}, 1 stream`,
      figure: `bulk.${direction}.1`,
      to: 'haproxy',
      bound: 1.5,
      sense: 'at least',
    },
    {
      what: `bulk ${direction}, 1 stream`,
      figure: `bulk.${direction}.1`,
      to: 'node',
      bound: 4,
      sense: 'at least',
    },
  ]),
  {
    what: 'keep-alive requests, 32 connections',
    figure: 'requests.rate.32',
    to: 'haproxy',
    bound: 1,
    sense: 'at least',
  },
  {
    what: 'p99 of a request, 32 connections',
    figure: 'requests.p99.32',
    to: 'haproxy',
    bound: 1.2,
    sense: 'at most',
  },
  {
    what: 'new connections, 32 at a time',
    figure: 'connections.rate',
    to: 'haproxy',
    bound: 1,
    sense: 'at least',
  },
  {
    what: 'private memory of an idle listener',
    figure: 'memory.idle.listener',
    bound: 10,
    sense: 'at most',
    unit: ' MB',
  },
  {
    what: 'private memory of an idle forwarder',
    figure: 'memory.idle.forwarder',
    bound: 30,
    sense: 'at most',
    unit: ' MB',
  },
  {
    what: 'memory per idle relay, the most of them',
    figure: 'memory.relay.most',
    bound: 2,
    sense: 'at most',
    unit: ' KB',
  },
];

export interface JudgedGoal extends Goal {
  readonly measured: number;
  readonly reached: boolean;
}

/** The goals that this run can judge. */
export function judgeGoals(samples: AllSamples, subject: string): JudgedGoal[] {
  return GOALS.flatMap((goal) => {
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
