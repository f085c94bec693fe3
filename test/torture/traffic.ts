import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { CONDITION_MS } from '../support/patience.ts';
import type { Place } from '../support/place.ts';
import type { Told } from './judge.ts';

/** Kinds of connections; traffic.mjs says what they do. */
export type Kind = 'short' | 'download' | 'upload' | 'bulk' | 'half' | 'session';

export interface TrafficOptions {
  readonly ports: readonly number[];
  /** Services that are there only now and then. */
  readonly toggles?: readonly number[];
  /** How many connections of a kind are open at any time. */
  readonly kinds: Partial<Readonly<Record<Kind, number>>>;
  readonly seed?: number;
  /** Mean pause between two connections of a worker. */
  readonly pauseMs?: number;
  /** What a long transfer takes, about. */
  readonly seconds?: number;
  readonly timeoutMs?: number;
}

/** Longer than the longest transfer and the longest wait of any connection. */
const ANSWER_MS = 2 * CONDITION_MS;

/** A guest's constant traffic, until it is finished. */
export class Traffic {
  readonly told: Told[] = [];
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly exited: Promise<void>;
  private readonly said = new Map<string, () => void>();
  private complaints = '';
  private isOver = false;

  /** `onTold` hears of every connection that has ended; without it they are kept in `told`. */
  constructor(guest: Place, options: TrafficOptions, onTold?: (told: Told) => void) {
    const file = fileURLToPath(new URL('traffic.mjs', import.meta.url));
    const [command = '', ...args] = [...guest.enter, process.execPath, file, JSON.stringify(options)];
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stdin.on('error', () => undefined);
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.complaints += text;
    });
    this.exited = new Promise((resolve) => {
      this.child.once('close', () => {
        this.isOver = true;
        for (const wake of this.said.values()) wake();
        resolve();
      });
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const words = JSON.parse(line) as Told | { said: string };
      if ('said' in words) this.said.get(words.said)?.();
      else if (onTold === undefined) this.told.push(words);
      else onTold(words);
    });
  }

  /** Ends all but sessions; resolves when none is left. */
  pause(): Promise<void> {
    return this.ask('pause', 'paused');
  }

  go(): Promise<void> {
    return this.ask('go', 'going');
  }

  /** Ends everything in order: transfers are done, sessions echo once more. */
  async finish(): Promise<void> {
    await this.ask('finish', 'finished');
    await this.exited;
  }

  /** Ends the program, whatever is open. */
  async kill(): Promise<void> {
    this.child.stdin.end();
    const late = setTimeout(() => this.child.kill('SIGKILL'), 2000);
    await this.exited;
    clearTimeout(late);
  }

  private async ask(command: string, answer: string): Promise<void> {
    const heard = await new Promise<boolean>((resolve) => {
      const late = setTimeout(() => resolve(false), ANSWER_MS);
      this.said.set(answer, () => {
        clearTimeout(late);
        resolve(true);
      });
      if (this.isOver) resolve(false);
      this.child.stdin.write(`${command}\n`);
    });
    this.said.delete(answer);
    if (!heard || (this.isOver && command !== 'finish')) {
      throw new Error(
        `traffic: not ${answer} within ${ANSWER_MS / 1000} s; it complains: ${this.complaints}`,
      );
    }
  }
}
