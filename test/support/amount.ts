import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The project `thorough` runs with all inputs, `unit` with some of them. */
    thorough: boolean;
  }
}

/**
 * How many inputs a test takes that would find more with more of them: `all` with `npm test`, `some` with `npm run test:unit`,
 * whose answer somebody waits for. A file that asks runs in both projects.
 */
export function amount(all: number, some: number): number {
  return inject('thorough') ? all : some;
}
