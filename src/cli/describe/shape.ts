import type { Argument, Command, Option } from 'commander';

/** What a word on the command line may be. */
export type Words =
  | { readonly is: 'file' }
  | { readonly is: 'bridge' }
  | { readonly is: 'choice'; readonly of: readonly string[] }
  /** Nobody can guess it. */
  | { readonly is: 'free' };

export interface OptionShape {
  /** `-v`, `--verbose`; the long form last. */
  readonly names: readonly string[];
  /** `<file>`; undefined for a switch. */
  readonly placeholder?: string;
  readonly words: Words;
  readonly description: string;
}

export interface ArgumentShape {
  /** `[file]`, `<shell>`, `[host...]`. */
  readonly placeholder: string;
  readonly words: Words;
  readonly description: string;
}

export interface CommandShape {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionShape[];
  readonly arguments: readonly ArgumentShape[];
}

/** A command line as data: what the manual page and the shell completions are made from, so that they can't drift. */
export interface ProgramShape extends CommandShape {
  readonly commands: readonly CommandShape[];
}

export function shapeOf(program: Command): ProgramShape {
  const help = program.createHelp();
  const commands = help
    .visibleCommands(program)
    .filter((command) => command.name() !== 'help')
    .map(commandShape);
  return { ...commandShape(program), commands };

  function commandShape(command: Command): CommandShape {
    return {
      name: command.name(),
      description: command.description(),
      // `--help` once is enough.
      options: help
        .visibleOptions(command)
        .filter(({ long }) => command === program || long !== '--help')
        .map(optionShape),
      arguments: command.registeredArguments.filter((one) => one.name() !== 'ignored').map(argumentShape),
    };
  }
}

function optionShape(option: Option): OptionShape {
  const placeholder = /[<[].*$/.exec(option.flags)?.[0];
  const long = option.long ?? '';
  return {
    names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
    ...(placeholder === undefined ? {} : { placeholder }),
    words: wordsFor(long.replace(/^--/, ''), placeholder ?? '', option.argChoices),
    description: option.description,
  };
}

function argumentShape(argument: Argument): ArgumentShape {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return {
    placeholder: argument.required ? `<${name}>` : `[${name}]`,
    words: wordsFor('', name, argument.argChoices),
    description: argument.description,
  };
}

/** `choices` of commander; else the name of the option and the word in the placeholder tell what is meant. */
function wordsFor(option: string, placeholder: string, choices: readonly string[] | undefined): Words {
  if (choices !== undefined && choices.length > 0) return { is: 'choice', of: choices };
  if (option === 'bridge') return { is: 'bridge' };
  if (/\b(?:file|path)\b/i.test(placeholder)) return { is: 'file' };
  return { is: 'free' };
}
