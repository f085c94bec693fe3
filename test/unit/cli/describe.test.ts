import { Argument, Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { bashCompletion } from '../../../src/cli/describe/bash-completion.ts';
import { manualPage } from '../../../src/cli/describe/manual.ts';
import { shapeOf } from '../../../src/cli/describe/shape.ts';
import { zshCompletion } from '../../../src/cli/describe/zsh-completion.ts';

function example(): Command {
  const program = new Command('tproxy')
    .description('A proxy - of sorts')
    .option('--config <file>', 'the configuration');
  program.command('start').description('.start it');
  program
    .command('show')
    .description("what's there; all [of it]")
    .option('-v, --verbose', 'more of it')
    .option('--bridge <name>', 'one bridge')
    .addOption(new Option('--by <what>', 'sorted').choices(['bytes', 'age']))
    .addArgument(new Argument('[host...]', 'these hosts'));
  program.command('up').argument('[ignored...]', 'of no interest');
  program.command('secret', { hidden: true });
  return program;
}

describe('shapeOf', () => {
  it('tells commands, options and arguments; nothing hidden or ignored, --help once', () => {
    const { commands, options } = shapeOf(example());
    expect(options.map(({ names }) => names)).toEqual([['--config'], ['-h', '--help']]);
    expect(commands).toEqual([
      { name: 'start', description: '.start it', options: [], arguments: [] },
      {
        name: 'show',
        description: "what's there; all [of it]",
        options: [
          { names: ['-v', '--verbose'], words: { is: 'free' }, description: 'more of it' },
          {
            names: ['--bridge'],
            placeholder: '<name>',
            words: { is: 'bridge' },
            description: 'one bridge',
          },
          expect.objectContaining({ names: ['--by'], words: { is: 'choice', of: ['bytes', 'age'] } }),
        ],
        arguments: [{ placeholder: '[host...]', words: { is: 'free' }, description: 'these hosts' }],
      },
      { name: 'up', description: '', options: [], arguments: [] },
    ]);
  });
});

describe('manualPage', () => {
  it('lets no text be a request of roff', () => {
    const page = manualPage(shapeOf(example()), '1.2.3');
    expect(page).toContain('tproxy \\- A proxy \\- of sorts');
    expect(page).toContain('\n\\&.start it.\n');
    expect(page).toContain('.SS tproxy show [\\fIoptions\\fR] \\fI[host...]\\fR\n');
    expect(page).not.toContain('secret');
  });
});

describe('completions', () => {
  it('quote what zsh would take for something else', () => {
    expect(zshCompletion(shapeOf(example()))).toContain(`'show:what'\\''s there; all [of it]'`);
  });

  it('offer what there is, and nothing hidden', () => {
    const script = bashCompletion(shapeOf(example()));
    expect(script).toContain("_tproxy_words 'start show up --config -h --help'");
    expect(script).toContain("show:--by) _tproxy_words 'bytes age'");
    expect(script).not.toContain('secret');
  });
});
