import { writeSync } from 'node:fs';

const STDOUT = 1;
const BEAT_MS = 1000;

/** Says a word to the watch; the empty one is a beat. */
function say(word: string): void {
  try {
    writeSync(STDOUT, `${word}\n`);
  } catch {
    // Started without a watch, or the watch is gone: then nobody listens.
  }
}

/** Tells the watch that this process serves: from now on it is worth bringing back. */
export function sayReady(): void {
  say('ready');
}

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
      say('');
    });
  };
  beat();
  setInterval(beat, BEAT_MS).unref();
}
