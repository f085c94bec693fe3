import type { Size } from './frame.ts';

/** The alternate screen without a cursor, and back. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

interface Listeners {
  readonly key: (text: string) => void;
  readonly resize: () => void;
}

/** This process's terminal, taken over for full screens. However the process ends, the terminal is as it was. */
export class Screen {
  private readonly leave = (): void => this.close();
  private readonly signals = Object.entries(SIGNALS).map(([signal, number]) => ({
    signal,
    end: () => {
      this.close();
      process.exit(128 + number);
    },
  }));
  private readonly listeners: Listeners;
  private isOpen = true;

  constructor(listeners: Listeners) {
    this.listeners = listeners;
    process.on('exit', this.leave);
    for (const { signal, end } of this.signals) process.on(signal, end);
    process.stdout.on('resize', listeners.resize);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.setEncoding('utf8').on('data', listeners.key).resume();
    }
    process.stdout.write(ENTER);
  }

  get size(): Size {
    return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
  }

  draw(lines: readonly string[]): void {
    if (this.isOpen) process.stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    process.stdout.write(LEAVE);
    process.stdout.off('resize', this.listeners.resize);
    process.off('exit', this.leave);
    for (const { signal, end } of this.signals) process.off(signal, end);
    if (!process.stdin.isTTY) return;
    process.stdin.setRawMode(false);
    process.stdin.off('data', this.listeners.key).pause();
  }
}
