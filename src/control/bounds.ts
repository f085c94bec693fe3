import { TproxyError } from '../errors.ts';

/** A `serves` request with all endpoints that a configuration of the largest size could bring. */
export const REQUEST_BYTES = 4 * 1024 * 1024;
/** Statistics of hundreds of bridges with hundreds of services each. */
export const ANSWER_BYTES = 256 * 1024 * 1024;

/** The one error for what does not fit through the control socket. */
export function tooBig(what: string, bytes: number, most: number): TproxyError {
  return new TproxyError(`control socket: ${what} has ${bytes} bytes, at most ${most} fit`, {
    code: 'TOO_BIG',
    remedy: 'configure fewer services',
  });
}
