import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const REMOTES = fileURLToPath(new URL('../../../remotes', import.meta.url));
const HOOKS = ['bridge', 'fw', '802.1Q', 'vxlan', 'elastic', 'nodeport'].flatMap((driver) => [
  { hook: `${driver}/pre.d/50-tproxy`, verb: 'up' },
  { hook: `${driver}/clean.d/50-tproxy`, verb: 'down' },
]);
const TELL = '#!/bin/sh\nread -r template\necho "$0 $* <$template>"\nexit 7\n';

let vnm: string;

beforeEach(() => {
  vnm = join(mkdtempSync(join(tmpdir(), 'hooks-')), 'vnm');
  execFileSync(process.execPath, [join(REMOTES, 'hooks.mjs'), vnm]);
  script(join(vnm, 'tproxy'), TELL);
});

afterEach(() => rmSync(join(vnm, '..'), { recursive: true, force: true }));

function script(file: string, text: string): void {
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

interface Ended {
  readonly output: string;
  readonly errors: string;
  readonly status: number | null;
}

/** What a hook prints and how it ends, with these programs in front of the others. */
function run(hook: string, args: string[], programs: string, cwd = '/'): Ended {
  const env = { PATH: `${programs}:${process.env.PATH}` };
  const { stdout, stderr, status } = spawnSync(hook, args, {
    cwd,
    env,
    input: 'PFZNPg==\n',
    encoding: 'utf8',
  });
  return { output: stdout, errors: stderr, status };
}

function configure(text: string): void {
  mkdirSync(join(vnm, '../etc/vnm'), { recursive: true });
  writeFileSync(join(vnm, '../etc/vnm/OpenNebulaNetwork.conf'), text);
}

test.each(HOOKS)('$hook is the one hook, and executable', ({ hook }) => {
  expect(readFileSync(join(vnm, hook), 'utf8')).toBe(readFileSync(join(REMOTES, 'hook'), 'utf8'));
  expect(statSync(join(vnm, hook)).mode & 0o111).toBe(0o111);
});

test.each(HOOKS)(
  '$hook passes input, arguments and exit status between OpenNebula and tproxy $verb',
  ({ hook, verb }) => {
    expect(run(join(vnm, hook), ['one-7', 'host1'], '/nowhere')).toEqual({
      output: `${vnm}/tproxy ${verb} one-7 host1 <PFZNPg==>\n`,
      errors: '',
      status: 7,
    });
  },
);

/** What may be wrong around tproxy. */
const AROUND: readonly (readonly [string, () => void])[] = [
  ['no executable', () => rmSync(join(vnm, 'tproxy'))],
  ['an executable that is killed', () => script(join(vnm, 'tproxy'), '#!/bin/sh\nkill -KILL $$\n')],
  [
    'no rule for sudo',
    () => {
      script(join(vnm, 'id'), '#!/bin/sh\necho 1000\n');
      script(join(vnm, 'sudo'), '#!/bin/sh\nexit 1\n');
    },
  ],
];

test.each(AROUND)('%s keeps a VM from starting only where services are required', (_what, damage) => {
  damage();
  const hook = join(vnm, 'bridge/pre.d/50-tproxy');
  for (const text of [undefined, '', '# :tproxy_required: true\n', ':tproxy_required: false\n']) {
    if (text !== undefined) configure(text);
    const { status, errors } = run(hook, [], vnm);
    expect({ text, status }).toEqual({ text, status: 0 });
    expect(errors).toMatch(/^ERROR: pre: .* the VM goes on without its services$/m);
  }
  configure(':tproxy: [\n  :tproxy_required: true # in a file that is broken otherwise\n');
  expect(run(hook, [], vnm).status).not.toBe(0);
});

test.each(HOOKS)(
  '$hook uses sudo, with a command line that sudoers can name, when not root',
  ({ hook, verb }) => {
    script(join(vnm, 'id'), '#!/bin/sh\necho 1000\n');
    script(join(vnm, 'sudo'), '#!/bin/sh\nread -r template\necho "sudo $* <$template>"\n');
    expect(run(join(vnm, hook), ['one-7'], vnm)).toEqual({
      output: `sudo -n ${vnm}/tproxy ${verb} <PFZNPg==>\n`,
      errors: '',
      status: 0,
    });
  },
);

test('a hook finds tproxy when it is called by a relative path', () => {
  const { output } = run('./pre.d/50-tproxy', [], '/nowhere', join(vnm, '802.1Q'));
  expect(output).toBe(`${vnm}/tproxy up <PFZNPg==>\n`);
});
