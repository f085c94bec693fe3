import type { Operations } from './operations.ts';

export interface Amounts {
  readonly reloads: number;
  readonly restarts: number;
  /** Of each kind of process. */
  readonly kills: number;
  /** SIGSTOP, of each kind of process. */
  readonly stops: number;
}

export type Step = 'measure' | ((operations: Operations) => Promise<void>);

const reload: Step = (operations) => operations.reload();
const restart: Step = (operations) => operations.restart();
const killListener: Step = (operations) => operations.killListener('kill');

/**
 * Reloads come first, on processes that live through all of them; then restarts and killed listeners, which no relay may
 * notice; forwarders are killed after that. A restart before the first of these puts the oldest relays out of their reach:
 * they have to live to the very end.
 */
export function scheduleOf(amounts: Amounts, random: (limit: number) => number): Step[] {
  const reloads = shares(amounts.reloads);
  const restarts = shares(amounts.restarts - 1);
  const listeners = shares(amounts.kills);
  const { kills, stops } = amounts;
  const middle = [
    times(reloads.second, reload),
    times(restarts.first, restart),
    times(listeners.first, killListener),
    times(stops, (operations) => operations.killListener('stop')),
    times(Math.floor(kills / 2), (operations) => operations.killWatch()),
  ];
  const last = [
    times(reloads.rest, reload),
    times(restarts.second + restarts.rest, restart),
    times(listeners.second + listeners.rest, killListener),
    times(Math.ceil(kills / 2), (operations) => operations.killWatch()),
    times(kills, (operations) => operations.killForwarder('kill')),
    times(stops, (operations) => operations.killForwarder('stop')),
  ];
  return [
    ...times(reloads.first, reload),
    'measure',
    restart,
    ...shuffled(middle.flat(), random),
    ...shuffled(last.flat(), random),
  ];
}

/** A number in three parts. */
function shares(whole: number): { first: number; second: number; rest: number } {
  const third = Math.floor(whole / 3);
  return { first: third, second: third, rest: whole - 2 * third };
}

function times(count: number, step: Step): Step[] {
  return Array.from({ length: count }, () => step);
}

function shuffled(steps: readonly Step[], random: (limit: number) => number): Step[] {
  return steps
    .map((step) => ({ step, key: random(2 ** 31) }))
    .sort((a, b) => a.key - b.key)
    .map(({ step }) => step);
}
