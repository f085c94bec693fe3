import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { CommandError, TproxyError } from '../errors.ts';
import { isObject, parseJson } from '../system/json.ts';
import { nftIdentity } from '../system/nft-tool.ts';
import type { Run } from '../system/run.ts';
import { PIECES, trialText } from './nft-trial.ts';

/** What the nft at hand can carry: write, and read back with all that others on the host list too. */
export interface NftAbility {
  /** The kernel has `meta ibrname` (CONFIG_NFT_BRIDGE_META), and nft a way to write it. */
  readonly ibrname: boolean;
  /** Names of the pieces of our ruleset that have to be left out. */
  readonly lacks: ReadonlySet<string>;
}

/** Where it is kept for the next command; `look-only`: nothing is written. */
export interface AbilityStore {
  readonly file: string;
  readonly mode: 'keep' | 'look-only';
}

/** `nftAbility` that a command asks once. */
export function rememberedAbility(run: Run, store: AbilityStore): () => Promise<NftAbility> {
  let ability: Promise<NftAbility> | undefined;
  return () => {
    ability ??= nftAbility(run, store);
    return ability;
  };
}

/**
 * Looks once per nft and kernel, which takes some 100 ms, and keeps what it saw. Rejects when not even the essential part
 * can be carried: before anything is written on the host.
 */
export async function nftAbility(run: Run, store: AbilityStore): Promise<NftAbility> {
  const identity = nftIdentity();
  const kept = readKept(store.file, identity);
  if (kept !== undefined) return kept;
  const ability = await lookAtNft(run);
  if (store.mode === 'keep') keep(store.file, identity, ability);
  return ability;
}

/** Tries our ruleset, with made-up names, in network namespaces that end with the trial. */
export async function lookAtNft(run: Run): Promise<NftAbility> {
  const everything = new Set(PIECES);
  const [ibrname, portSet] = await Promise.all([
    carries(run, trialText('ibrname', everything)),
    carries(run, trialText('port-set', everything)),
  ]);
  if (ibrname.is || portSet.is) return { ibrname: ibrname.is, lacks: new Set() };
  return lookAtPieces(run);
}

async function lookAtPieces(run: Run): Promise<NftAbility> {
  const [ibrname, portSet] = await Promise.all([
    carries(run, trialText('ibrname', new Set())),
    carries(run, trialText('port-set', new Set())),
  ]);
  if (!portSet.is) throw unusable(portSet.why);
  const form = ibrname.is ? 'ibrname' : 'port-set';
  const tried = await Promise.all(
    PIECES.map(async (piece) => ({ piece, ...(await carries(run, trialText(form, new Set([piece])))) })),
  );
  const good = new Set(tried.flatMap(({ piece, is }) => (is ? [piece] : [])));
  // Each by itself is not all of them together.
  const kept = (await carries(run, trialText(form, good))).is ? good : new Set<string>();
  return { ibrname: ibrname.is, lacks: new Set(PIECES.filter((piece) => !kept.has(piece))) };
}

function unusable(why: string): TproxyError {
  return new TproxyError(
    `nft can't write and list the rules that every bridge needs: ${why}; nothing was changed`,
    {
      remedy: 'install nftables 0.9.8 or newer, on a kernel with nf_tables for the bridge family',
    },
  );
}

/** No core file for an nft that aborts. Both kinds of listing, because each version prints them by code of its own. */
const TRIAL = `ulimit -c 0
cat | nft -f - || exit
nft list ruleset >/dev/null || exit
nft -j list ruleset`;
/** For one trial, which takes a tenth of a second: a host on which it takes longer than other programs get must come up, too. */
const TRIAL_LIMIT_MS = 120_000;

type Trial = { readonly is: true } | { readonly is: false; readonly why: string };

async function carries(run: Run, text: string): Promise<Trial> {
  try {
    const { stdout } = await run('unshare', ['--net', '--', 'sh', '-c', TRIAL], {
      input: text,
      timeoutMs: TRIAL_LIMIT_MS,
    });
    const lost = commentsOf(text).find((comment) => !stdout.includes(`"${comment}"`));
    if (lost !== undefined) return { is: false, why: `it does not list the rule "${lost}"` };
    parseJson(stdout, 'nft -j list ruleset');
    return { is: true };
  } catch (error) {
    if (error instanceof CommandError && isMute(error)) throw untried(error);
    if (error instanceof CommandError) return { is: false, why: lastLine(error) };
    throw error;
  }
}

/** It was not nft that failed: it did not come to that, or there was no time. */
function isMute(error: CommandError): boolean {
  return error.status === undefined || /^unshare: |nft: (?:command )?not found/m.test(error.stderr);
}

function untried(cause: CommandError): TproxyError {
  const why = cause.status === undefined ? `no answer within ${TRIAL_LIMIT_MS / 1000} s` : lastLine(cause);
  return new TproxyError(`nft can't be tried out in a network namespace of its own: ${why}`, {
    remedy:
      'see what keeps the host busy (top) or forbids namespaces (unshare --net true), then run it again; nothing was changed',
    cause,
  });
}

function lastLine({ stderr, what }: CommandError): string {
  return stderr.split('\n').find((line) => line !== '') ?? what;
}

function commentsOf(text: string): string[] {
  return [...text.matchAll(/comment "([^"]+)"/g)].map(([, comment = '']) => comment);
}

function readKept(file: string, identity: string): NftAbility | undefined {
  try {
    const kept: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isObject(kept) || kept.identity !== identity || typeof kept.ibrname !== 'boolean') return undefined;
    const { lacks } = kept;
    if (!Array.isArray(lacks) || !lacks.every((piece) => typeof piece === 'string')) return undefined;
    return { ibrname: kept.ibrname, lacks: new Set(lacks) };
  } catch {
    return undefined;
  }
}

/** Whoever has no room for it looks again the next time. */
function keep(file: string, identity: string, { ibrname, lacks }: NftAbility): void {
  const fresh = `${file}.${process.pid}`;
  try {
    writeFileSync(fresh, `${JSON.stringify({ identity, ibrname, lacks: [...lacks] })}\n`, { mode: 0o600 });
    renameSync(fresh, file);
  } catch {
    // Nothing depends on it.
  }
}
