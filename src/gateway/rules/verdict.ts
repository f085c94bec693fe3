import type { Client } from './client.ts';
import type { Rule } from './rule.ts';

/** What came out, and by which rule: `no-rule` and `no-client` are the lack of one. */
export type Verdict = { readonly allowed: true; readonly client: Client; readonly rule: Rule } | Denial;

export type Denial =
  | { readonly allowed: false; readonly because: 'rule'; readonly client: Client; readonly rule: Rule }
  | { readonly allowed: false; readonly because: 'no-rule'; readonly client: Client }
  | { readonly allowed: false; readonly because: 'no-client' };

/** What may become of a connection before a request is known. */
export type Admission =
  | Denial
  /** Whatever the bytes are, they are relayed as they are. */
  | {
      readonly allowed: true;
      readonly treatment: 'passthrough';
      readonly client: Client;
      readonly rule: Rule;
    }
  /**
   * Allowed for what rules are about, HTTP and TLS: TLS for that name is relayed as it is, HTTP is judged request by request, all other
   * protocols are denied.
   */
  | {
      readonly allowed: true;
      readonly treatment: 'tls-or-http';
      readonly client: Client;
      readonly rule: Rule;
    }
  /** Some requests may be allowed, or are changed: TLS ends at the gateway. `rule` is the first that may allow one. */
  | { readonly allowed: true; readonly treatment: 'intercept'; readonly client: Client; readonly rule: Rule };
