/** The part of dns-packet that is used here. Names are text without the last dot; `decode` throws on what it can't read. */
declare module 'dns-packet' {
  export interface Question {
    readonly name: string;
    readonly type: string;
    readonly class?: string;
  }

  export interface Answer {
    readonly name: string;
    readonly type: string;
    readonly class?: string;
    readonly ttl?: number;
    readonly data?: unknown;
    /** OPT only. */
    readonly udpPayloadSize?: number;
    readonly ednsVersion?: number;
    readonly flags?: number;
    readonly extendedRcode?: number;
    readonly options?: readonly unknown[];
  }

  export interface Packet {
    readonly id: number;
    readonly type: 'query' | 'response';
    /** All bits but that of query or response; the rcode is the last four. */
    readonly flags: number;
    readonly opcode?: string;
    readonly rcode?: string;
    readonly questions: readonly Question[];
    readonly answers: readonly Answer[];
    readonly authorities?: readonly Answer[];
    readonly additionals: readonly Answer[];
  }

  export function decode(bytes: Uint8Array): Packet;
  export function encode(packet: Partial<Packet>): Buffer;
  export const RECURSION_DESIRED: number;
  export const RECURSION_AVAILABLE: number;
  export const TRUNCATED_RESPONSE: number;
  export const AUTHORITATIVE_ANSWER: number;
}
