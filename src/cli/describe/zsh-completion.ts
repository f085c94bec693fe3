import type { CommandShape, OptionShape, ProgramShape, Words } from './shape.ts';

/** A zsh completion function: as a file `_tproxy` in `fpath`, or read by `source`. */
export function zshCompletion(program: ProgramShape): string {
  const { commands, options } = program;
  return `#compdef tproxy
# zsh completion for tproxy, made by \`tproxy completion zsh\` from its own command line.
_tproxy_bridges() {
  local -a bridges=(/sys/class/net/*/bridge(N:h:t))
  compadd -a bridges
}
_tproxy_commands() {
  local -a commands=(
${commands.map(({ name, description }) => `    ${quote(`${name}:${description}`)}`).join('\n')}
  )
  _describe command commands
}
_tproxy() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C ${options.map(specOf).join(' ')} '1: :_tproxy_commands' '*:: :->rest'
  [[ $state == rest ]] || return
  case $line[1] in
${commands.map(commandCase).join('\n')}
  esac
}
if [[ $funcstack[1] == _tproxy ]]; then _tproxy "$@"; else compdef _tproxy tproxy; fi
`;
}

function commandCase({ name, options, arguments: list }: CommandShape): string {
  const places = list.map(({ placeholder, words }, index) => {
    const many = placeholder.includes('...');
    return quote(`${many ? '*' : index + 1}:${label(placeholder)}:${action(words)}`);
  });
  return `    ${name}) _arguments ${[...options.map(specOf), ...places].join(' ')} ;;`;
}

/** `'(-v --verbose)'{-v,--verbose}'[what it does]'` */
function specOf({ names, placeholder, words, description }: OptionShape): string {
  const value = placeholder === undefined ? '' : `:${label(placeholder)}:${action(words)}`;
  const rest = quote(`[${description.replaceAll(/[[\]]/g, '\\$&')}]${value}`);
  if (names.length === 1) return `${names[0]}${rest}`;
  return `${quote(`(${names.join(' ')})`)}{${names.join(',')}}${rest}`;
}

function label(placeholder: string): string {
  return placeholder.replaceAll(/[<>[\].:]/g, '');
}

function action(words: Words): string {
  switch (words.is) {
    case 'file':
      return '_files';
    case 'bridge':
      return '_tproxy_bridges';
    case 'choice':
      return `(${words.of.join(' ')})`;
    case 'free':
      return ' ';
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
