import { NFT_TABLE, SERVICE_ADDRESS } from '../../model/names.ts';
import type { NftChain } from '../../system/nft-chains.ts';
import { fingerprint } from './fingerprint.ts';

/**
 * What may pass in the netns of a bridge (docs/decisions/0021). No service port stands here: nothing but our listener listens
 * in this namespace, the stack resets what nobody listens for, and a reload has nothing to change. No connection is tracked:
 * that costs memory and time for each, and a flood fills the table for everybody.
 */
function chains(device: string): Readonly<Record<string, readonly string[]>> {
  const from = `iifname "${device}" ip daddr ${SERVICE_ADDRESS}`;
  const back = `oifname "${device}" ip saddr ${SERVICE_ADDRESS}`;
  return {
    input: [
      // Only processes that somebody started here reach it: an operator who tries.
      'iifname "lo" accept',
      `${from} tcp flags & (syn | ack) == syn ip saddr ${NOBODY} drop`,
      `${from} meta l4proto tcp accept`,
      `${from} icmp type echo-request limit rate 100/second burst 100 packets accept`,
      // For path MTU discovery; the kernel believes it only about a connection that exists.
      `${from} icmp type destination-unreachable icmp code frag-needed limit rate 100/second burst 100 packets accept`,
    ],
    forward: [],
    output: ['oifname "lo" accept', `${back} meta l4proto tcp accept`, `${back} icmp type echo-reply accept`],
  };
}

/** Addresses that no guest has. */
const NOBODY = `{ 0.0.0.0/8, 127.0.0.0/8, ${SERVICE_ADDRESS}, 224.0.0.0/3 }`;

/** The ruleset as one transaction for nft inside the netns, whatever was there before. */
export function netnsRuleset(device: string): string {
  const table = `table inet ${NFT_TABLE}`;
  const bodies = Object.entries(chains(device)).map(
    ([name, rules]) =>
      `  chain ${name} {\n    type filter hook ${name} priority filter; policy drop;\n` +
      `${rules.map((rule) => `    ${rule} comment "${fingerprint(device, rule)}"\n`).join('')}  }\n`,
  );
  return `add ${table}\ndelete ${table}\n${table} {\n${bodies.join('')}}\n`;
}

/** True when these are the chains of `netnsRuleset`; undefined: there is no such table. */
export function isNetnsRuleset(found: ReadonlyMap<string, NftChain> | undefined, device: string): boolean {
  const wanted = Object.entries(chains(device));
  if (found?.size !== wanted.length) return false;
  return wanted.every(([name, rules]) => {
    const chain = found.get(name);
    if (chain?.base !== `filter ${name} 0 drop` || chain.rules.length !== rules.length) return false;
    return rules.every((rule, index) => chain.rules[index]?.comment === fingerprint(device, rule));
  });
}
