import type { Stage, Watcher } from './sync.ts';

/** Where progress goes. */
export interface Screen {
  /** A line that stays. */
  readonly line: (text: string) => void;
  /** The last line of a terminal, rewritten in place; undefined: there is no terminal. */
  readonly status?: (text: string) => void;
}

const WORDS: Readonly<Record<Stage, string>> = {
  looking: 'looking',
  copying: 'copying files',
  applying: 'applying',
  done: 'done',
  failed: 'FAILED',
};

/** Tells what the hosts say as it comes, and on a terminal below it how many are how far. */
export function progressOn(screen: Screen, hosts: readonly string[]): Watcher {
  const stages = new Map<string, Stage>();
  const width = Math.max(...hosts.map((host) => host.length));
  return (host, stage, detail) => {
    stages.set(host, stage);
    const name = `${host}:`.padEnd(width + 1);
    screen.status?.('');
    if (detail !== undefined)
      for (const text of detail) screen.line(`${name} ${stage === 'failed' ? `FAILED: ${text}` : text}`);
    else if (screen.status === undefined) screen.line(`${name} ${WORDS[stage]}`);
    if (stage === 'done') screen.line(`${name} ${WORDS.done}`);
    screen.status?.(statusOf(stages, hosts.length));
  };
}

/** `2 of 5 hosts done, 1 failed; hv3 copying files, hv4 applying`. */
export function statusOf(stages: ReadonlyMap<string, Stage>, all: number): string {
  const at = (stage: Stage): number => [...stages.values()].filter((one) => one === stage).length;
  const busy = [...stages].filter(([, stage]) => stage !== 'done' && stage !== 'failed');
  const failed = at('failed');
  const shown = busy.map(([host, stage]) => `${host} ${WORDS[stage]}`).join(', ');
  return `${at('done')} of ${all} hosts done${failed === 0 ? '' : `, ${failed} failed`}${shown === '' ? '' : `; ${shown}`}`;
}
