import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lookAtNft, nftAbility } from '../../../src/driver/nft-ability.ts';
import { PIECES } from '../../../src/driver/nft-trial.ts';
import { runProgram } from '../../../src/system/run.ts';

let directory: string;
let bin: string;
const PATH = process.env.PATH ?? '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tproxy-nft-'));
  bin = join(directory, 'bin');
  mkdirSync(bin);
});

afterEach(() => {
  process.env.PATH = PATH;
  rmSync(directory, { recursive: true });
});

/** An nft that lists as long as no rule matches `pattern`, and aborts like nft 1.0.2 when one does. */
function standIn(pattern: string): void {
  const real = `PATH='${PATH}' nft`;
  const script = `#!/bin/bash
if [[ " $* " = *' list '* ]] && ${real} list ruleset | grep -qE '${pattern}'; then
  echo "nft: payload.c:895: payload_expr_expand: Assertion \\\`desc->base == expr->payload.base' failed." >&2
  kill -ABRT $$
fi
${real} "$@"
`;
  writeFileSync(join(bin, 'nft'), script, { mode: 0o755 });
  process.env.PATH = `${bin}:${PATH}`;
}

test('this nft can carry everything', async () => {
  expect((await lookAtNft(runProgram)).lacks).toEqual(new Set());
});

test.each([
  ['pieces of headers', '@nh,', ['two tags of VLAN 0', 'IPv4 in SNAP', 'ARP in SNAP']],
  ['limits in sets', 'limit rate over 4/', ['IPv4 of new senders', 'ARP of new senders']],
  ['the chain police', 'chain police', ['police']],
])('an nft that aborts on %s gets all but those', async (_, pattern, lacks) => {
  standIn(pattern);
  expect([...(await lookAtNft(runProgram)).lacks].sort()).toEqual([...lacks].sort());
});

test('what can only be carried alone is left out altogether', async () => {
  standIn('zzz');
  const count = `#!/bin/bash
if [[ " $* " = *' list '* ]] && (($(PATH='${PATH}' nft list ruleset | grep -c '@nh,') > 1)); then kill -ABRT $$; fi
PATH='${PATH}' nft "$@"
`;
  writeFileSync(join(bin, 'nft'), count, { mode: 0o755 });
  expect([...(await lookAtNft(runProgram)).lacks].sort()).toEqual([...PIECES].sort());
});

test('an nft that can not carry the essential part is refused, with a remedy', async () => {
  standIn('chain nearest');
  await expect(lookAtNft(runProgram)).rejects.toThrow(
    /^nft can't write and list the rules that every bridge needs: .*payload_expr_expand.*; install nftables 0.9.8 or newer/,
  );
});

test('it is looked at once, and again after an update', async () => {
  const file = join(directory, 'nft.json');
  let runs = 0;
  const counting: typeof runProgram = (...call) => {
    runs += 1;
    return runProgram(...call);
  };
  standIn('chain police');
  const seen = await nftAbility(counting, { file, mode: 'keep' });
  expect(runs).toBeGreaterThan(0);
  runs = 0;
  expect(await nftAbility(counting, { file, mode: 'keep' })).toEqual(seen);
  expect(runs).toBe(0);
  standIn('zzz');
  expect((await nftAbility(counting, { file, mode: 'keep' })).lacks).toEqual(new Set());
  writeFileSync(file, 'nonsense');
  expect((await nftAbility(counting, { file, mode: 'look-only' })).lacks).toEqual(new Set());
  expect(readFileSync(file, 'utf8')).toBe('nonsense');
});
