import { closePipe, openPipe, type Pipe } from '../linux/splice.ts';

/** What a pipe may hold: the most that an unprivileged process gets (fs.pipe-max-size). */
export const PIPE_BYTES = 1 << 20;
/** Idle pipes kept for the next bulk transfer; opening and sizing one costs three calls. */
const KEPT = 64;

/**
 * Guests that read slowly keep pipes filled. What they can hold so is bounded: two descriptors of the data plane's reserve
 * and a megabyte of the kernel's memory each.
 */
const AT_MOST = 256;

const idle: Pipe[] = [];
let open = 0;

/** An empty pipe, or undefined when there are enough of them or the process is out of descriptors. */
export function takePipe(): Pipe | undefined {
  const kept = idle.pop();
  if (kept !== undefined) return kept;
  if (open >= AT_MOST) return undefined;
  const pipe = openPipe(PIPE_BYTES);
  if (typeof pipe === 'number') return undefined;
  open += 1;
  return pipe;
}

/** Takes back a pipe; one that still holds bytes is closed. */
export function givePipe(pipe: Pipe, holds: number): void {
  if (holds === 0 && idle.length < KEPT) {
    idle.push(pipe);
    return;
  }
  closePipe(pipe);
  open -= 1;
}
