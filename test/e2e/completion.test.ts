import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Hypervisor } from '../support/hypervisor.ts';
import { Sandbox } from '../support/sandbox.ts';

/** Completion scripts and manual page as the built executable prints them, in the shells that they are for. */
let box: Sandbox;

beforeAll(async () => {
  box = await Sandbox.create();
  await Hypervisor.install(box);
  await box.sh(`
    ip link add br0 type bridge
    ip link add onebr7 type bridge
    mkdir -p /run/test/work && cd /run/test/work
    touch first.conf 'with space.conf'
    for shell in bash zsh; do /var/tmp/one/vnm/tproxy completion $shell > /run/test/$shell; done
  `);
});

afterAll(async () => {
  await box.close();
});

/** Every command that `--help` lists. */
async function commands(): Promise<string[]> {
  const help = await box.sh('/var/tmp/one/vnm/tproxy --help');
  const list = help.slice(help.indexOf('Commands:')).matchAll(/^ {2}([a-z-]+)/gm);
  return [...list].map(([, name]) => name ?? '').filter((name) => name !== 'help');
}

/** What bash offers for the last of these words. */
async function inBash(...words: string[]): Promise<string[]> {
  const list = ['tproxy', ...words].map((word) => `'${word}'`).join(' ');
  const offered = await box.sh(`
    cd /run/test/work
    . /run/test/bash
    COMP_WORDS=(${list}) COMP_CWORD=${words.length}
    _tproxy
    for word in "\${COMPREPLY[@]}"; do printf '%s\\n' "$word"; done
  `);
  return offered.split('\n').filter((word) => word !== '');
}

/** A zsh in a terminal of its own: type a line and two tabs, clear it, and see what stood on the screen. */
const ZSH = String.raw`
zmodload zsh/zpty
cd /run/test/work
zpty -b shell zsh -f -i
screen=
until_seen() {
  local part
  screen=
  for _ in {1..300}; do
    while zpty -rt shell part; do screen+=$part; done
    [[ $screen != *$~1* ]] || return 0
    sleep 0.05
  done
  print -r -- "no $1 in: $screen" >&2
  exit 1
}
zpty -w shell 'PS1="REA""DY>" TERM=dumb; autoload -U compinit; compinit -u -D; . /run/test/zsh; LISTMAX=1000'
until_seen 'READY>'
zpty -w -n shell $1$'\t\t'
zpty -w -n shell $'\x15echo DO""NE\n'
until_seen DONE
print -r -- $screen
`;

/** What an interactive zsh shows when Tab is pressed twice after this line. */
async function inZsh(line: string): Promise<string> {
  const { stdout, stderr, status } = await box.run(['zsh', '-f', '-c', ZSH, 'zsh', line]);
  if (status !== 0) throw new Error(`zsh: exit ${status}\n${stdout}${stderr}`);
  return stdout;
}

describe('bash', () => {
  test('offers every command that --help lists', async () => {
    const all = await commands();
    expect(all).toEqual(expect.arrayContaining(['start', 'status', 'apply', 'completion']));
    expect(await inBash('')).toEqual(expect.arrayContaining(all));
  });

  test.each([
    { words: ['sta'], offered: ['start', 'status'] },
    { words: ['--config', 'x.conf', 'relo'], offered: ['reload'] },
    { words: ['--config', '=', 'x.conf', 'relo'], offered: ['reload'] },
    { words: ['--config', '=', 'f'], offered: ['first.conf'] },
    { words: ['up', '--bridge', '='], offered: ['br0', 'onebr7'] },
    { words: ['top', '--by', ''], offered: ['bridge', 'connection', 'guest', 'service'] },
    { words: ['up', '--net'], offered: ['--network', '--network-id'] },
    { words: ['up', '--network', ''], offered: [] },
    { words: ['up', '--bridge', ''], offered: ['br0', 'onebr7'] },
    { words: ['completion', ''], offered: ['bash', 'zsh'] },
    { words: ['check', ''], offered: ['first.conf', 'with space.conf'] },
    { words: ['--config', 'f'], offered: ['first.conf'] },
  ])('tproxy $words', async ({ words, offered }) => {
    expect((await inBash(...words)).sort()).toEqual(offered);
  });
});

describe('zsh', () => {
  test.each([
    { line: 'tproxy sta', shown: ['start', 'status', 'list the running daemons'] },
    { line: 'tproxy up --', shown: ['--bridge', '--network-id', 'id of its virtual network'] },
    { line: 'tproxy up --bridge ', shown: ['br0', 'onebr7'] },
    { line: 'tproxy completion ', shown: ['bash', 'zsh'] },
    { line: 'tproxy check ', shown: ['first.conf'] },
  ])('$line', async ({ line, shown }) => {
    const screen = await inZsh(line);
    for (const text of shown) expect(screen).toContain(text);
  });

  test('has every command that --help lists', async () => {
    const script = await box.sh('cat /run/test/zsh');
    for (const name of await commands()) expect(script).toContain(`    '${name}:`);
  });
});

describe('the manual page', () => {
  test('is in order for groff, and has every command', async () => {
    const { status, stdout, stderr } = await box.run([
      'bash',
      '-c',
      '/var/tmp/one/vnm/tproxy manual | groff -man -ww -Tascii -P-c | col -b',
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const name of await commands()) expect(stdout).toMatch(new RegExp(`^ {3}tproxy ${name}\\b`, 'm'));
  });
});
