import { writeSync } from 'node:fs';

const STDOUT = 1;
const BEAT_MS = 1000;

/**
 * Tells the watch once a second that both threads are alive: `probe` resolves only while the data plane answers. Nothing
 * is told while an answer is outstanding.
 */
export function startHeartbeat(probe: () => Promise<unknown>): void {
  let waiting = false;
  const beat = (): void => {
    if (waiting) return;
    waiting = true;
    void probe().then(() => {
      waiting = false;
      try {
        writeSync(STDOUT, '\n');
      } catch {
        // Started without a watch, or the watch is gone: then nobody listens.
      }
    });
  };
  beat();
  setInterval(beat, BEAT_MS).unref();
}
