import type { Endpoint } from '../model/endpoint.ts';

/**
 * The driver's view of the daemons. The real one is `src/operate/verbs.ts`; tests give a fake.
 */
export interface Daemons {
  /**
   * Brings the running processes to what the endpoint maps in nft say, and starts or stops them as needed. When it
   * resolves, the service ports of `bridge` answer, or, with no endpoint left on it, its listener is gone. Trouble on
   * other bridges does not make it fail. Rejects with a `TproxyError` that says what to do.
   * Acts from the root namespace; the caller holds the lock.
   */
  sync(bridge: string): Promise<void>;
  /**
   * True when it is so already that guests of `bridge` are led to `endpoints`; false also when nobody answers. Costs nothing
   * and changes nothing.
   */
  serves(bridge: string, endpoints: readonly Endpoint[]): Promise<boolean>;
}
