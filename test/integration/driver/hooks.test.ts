import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const VNM = fileURLToPath(new URL('../../../remotes/vnm', import.meta.url));
const HOOKS = ['bridge', 'fw', '802.1Q', 'vxlan'].flatMap((driver) => [
  { hook: `${driver}/pre.d/50-tproxy`, verb: 'up' },
  { hook: `${driver}/clean.d/50-tproxy`, verb: 'down' },
]);
const TELL = '#!/bin/sh\nread -r template\necho "$0 $* <$template>"\nexit 7\n';

let vnm: string;

beforeEach(() => {
  vnm = join(mkdtempSync(join(tmpdir(), 'hooks-')), 'vnm');
  cpSync(VNM, vnm, { recursive: true });
  script(join(vnm, 'tproxy'), TELL);
});

afterEach(() => rmSync(join(vnm, '..'), { recursive: true, force: true }));

function script(file: string, text: string): void {
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

/** Standard output and exit status of a hook that runs with these programs in front of the others. */
function run(hook: string, args: string[], programs: string, cwd = '/'): { output: string; status: number } {
  const env = { PATH: `${programs}:${process.env.PATH}` };
  try {
    return {
      output: execFileSync(hook, args, { cwd, env, input: 'PFZNPg==\n', encoding: 'utf8' }),
      status: 0,
    };
  } catch (error) {
    const { stdout, status } = error as { stdout: string; status: number };
    return { output: stdout, status };
  }
}

test.each(HOOKS)('$hook is the one hook, and executable', ({ hook }) => {
  expect(readFileSync(join(VNM, hook), 'utf8')).toBe(
    readFileSync(join(VNM, 'bridge/pre.d/50-tproxy'), 'utf8'),
  );
  expect(statSync(join(VNM, hook)).mode & 0o111).toBe(0o111);
});

test.each(HOOKS)(
  '$hook passes input, arguments and exit status between OpenNebula and tproxy $verb',
  ({ hook, verb }) => {
    expect(run(join(vnm, hook), ['one-7', 'host1'], '/nowhere')).toEqual({
      output: `${vnm}/tproxy ${verb} one-7 host1 <PFZNPg==>\n`,
      status: 7,
    });
  },
);

test.each(HOOKS)(
  '$hook uses sudo, with a command line that sudoers can name, when not root',
  ({ hook, verb }) => {
    script(join(vnm, 'id'), '#!/bin/sh\necho 1000\n');
    script(join(vnm, 'sudo'), '#!/bin/sh\nread -r template\necho "sudo $* <$template>"\n');
    expect(run(join(vnm, hook), ['one-7'], vnm)).toEqual({
      output: `sudo -n ${vnm}/tproxy ${verb} <PFZNPg==>\n`,
      status: 0,
    });
  },
);

test('a hook finds tproxy when it is called by a relative path', () => {
  const { output } = run('./pre.d/50-tproxy', [], '/nowhere', join(vnm, '802.1Q'));
  expect(output).toBe(`${vnm}/tproxy up <PFZNPg==>\n`);
});
