import { readFile } from 'node:fs/promises';
import { isCode } from '../errors.ts';
import type { JsonObject } from './json.ts';
import type { ForeignChain } from './nft-ruleset.ts';
import type { Run } from './run.ts';

/** Tables of the iptables that nft does not know of (iptables-legacy), in this process's network namespace. */
const LEGACY_TABLES = '/proc/self/net/ip_tables_names';
const HOOKS = new Set(['FORWARD']);

/** Chains of the filter table of iptables-legacy, in the words of nft; none where it is not in use. */
export async function readLegacyChains(run: Run): Promise<readonly ForeignChain[]> {
  const tables = await readFile(LEGACY_TABLES, 'utf8').catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return '';
    throw error;
  });
  if (!tables.split('\n').includes('filter')) return [];
  return parseLegacyChains((await run('iptables-legacy', ['-S'])).stdout);
}

/** Reads `iptables -S`: `-P FORWARD DROP`, `-N DOCKER`, `-A FORWARD -i docker0 ! -o docker0 -j ACCEPT`. */
export function parseLegacyChains(text: string): readonly ForeignChain[] {
  const chains = new Map<string, { drops: boolean; rules: JsonObject[][] }>();
  for (const line of text.split('\n')) {
    const [command, name = '', ...words] = line.split(' ');
    if (command === '-P') chains.set(name, { drops: words[0] === 'DROP', rules: [] });
    else if (command === '-N') chains.set(name, { drops: false, rules: [] });
    else if (command === '-A') chains.get(name)?.rules.push(statements(words));
  }
  return [...chains].map(([name, { drops, rules }]) => ({
    ...{ family: 'ip', table: 'filter', name, drops, rules },
    hook: HOOKS.has(name) ? name.toLowerCase() : undefined,
  }));
}

const FIELDS: Readonly<Record<string, JsonObject>> = {
  '-i': { meta: { key: 'iifname' } },
  '-o': { meta: { key: 'oifname' } },
  '-p': { meta: { key: 'l4proto' } },
  '-s': { payload: { protocol: 'ip', field: 'saddr' } },
  '-d': { payload: { protocol: 'ip', field: 'daddr' } },
};

function statements(words: readonly string[]): JsonObject[] {
  const found: JsonObject[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const option = words[at] ?? '';
    const op = words[at - 1] === '!' ? '!=' : '==';
    const value = words[at + 1] ?? '';
    const left = FIELDS[option];
    if (left !== undefined) found.push({ match: { op, left, right: addressOf(value) } });
    else if (option === '--ctstate') {
      const states = value.split(',').map((state) => state.toLowerCase());
      found.push({ match: { op: op === '==' ? 'in' : op, left: { ct: { key: 'state' } }, right: states } });
    } else if (option === '-m' && value !== 'conntrack' && value !== 'comment') found.push({ xt: value });
    else if (option === '-j') found.push(verdict(value));
    else if (option === '-g') found.push({ goto: { target: value } });
  }
  return found;
}

/** `172.17.0.0/16`, or `docker+` for any name that begins so. */
function addressOf(text: string): unknown {
  const [addr, length] = text.split('/');
  if (length !== undefined) return { prefix: { addr, len: Number(length) } };
  return text.endsWith('+') ? `${text.slice(0, -1)}*` : text;
}

function verdict(target: string): JsonObject {
  if (target === 'ACCEPT' || target === 'RETURN') return { [target.toLowerCase()]: null };
  if (target === 'DROP' || target === 'REJECT') return { drop: null };
  return /^[A-Z]+$/.test(target) && target.startsWith('LOG') ? { log: null } : { jump: { target } };
}
