import { closePipe, openPipe, type Pipe } from '../linux/splice.ts';

/** What a pipe may hold: the most that an unprivileged process gets (fs.pipe-max-size). */
export const PIPE_BYTES = 1 << 20;
/** Idle pipes kept for the next bulk transfer; opening and sizing one costs three calls. */
const KEPT = 64;

const idle: Pipe[] = [];

/** An empty pipe, or undefined when the process is out of descriptors. */
export function takePipe(): Pipe | undefined {
  const kept = idle.pop();
  if (kept !== undefined) return kept;
  const pipe = openPipe(PIPE_BYTES);
  return typeof pipe === 'number' ? undefined : pipe;
}

/** Takes back a pipe; one that still holds bytes is closed. */
export function givePipe(pipe: Pipe, holds: number): void {
  if (holds > 0 || idle.length >= KEPT) closePipe(pipe);
  else idle.push(pipe);
}
