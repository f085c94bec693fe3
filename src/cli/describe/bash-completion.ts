import type { CommandShape, OptionShape, ProgramShape, Words } from './shape.ts';

/** A bash script that completes `tproxy`; needs bash alone. */
export function bashCompletion(program: ProgramShape): string {
  const { commands } = program;
  const withValue = program.options.filter(takesValue).flatMap(({ names }) => names);
  return `# bash completion for tproxy, made by \`tproxy completion bash\` from its own command line.
_tproxy_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}
_tproxy_files() {
  compopt -o filenames 2>/dev/null || true
  mapfile -t COMPREPLY < <(compgen -f -- "$1")
}
_tproxy_bridges() {
  local found
  found=$(cd /sys/class/net 2>/dev/null && for one in */bridge; do printf '%s ' "\${one%/bridge}"; done)
  _tproxy_words "\${found/#\\* /}" "$1"
}
_tproxy() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' i
  COMPREPLY=()
  # --option=value is three words here.
  if [[ $cur == = ]]; then cur='' prev+='='; fi
  if [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  prev=\${prev%=}
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${withValue.join(' | ') || '--'}) ((i++)); if [[ \${COMP_WORDS[i]} == = ]]; then ((i++)); fi ;;
      -*) ;;
      *) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command:$prev in
${[program, ...commands].flatMap((command) => valueCases(command, command === program)).join('\n')}
  esac
  case $command in
    '') _tproxy_words '${[...commands.map(({ name }) => name), ...optionNames(program)].join(' ')}' "$cur" ;;
${commands.map(commandCase).join('\n')}
  esac
}
complete -F _tproxy tproxy
`;
}

function takesValue({ placeholder }: OptionShape): boolean {
  return placeholder !== undefined;
}

function optionNames({ options }: CommandShape): readonly string[] {
  return options.flatMap(({ names }) => names);
}

/** What follows an option that takes a value; the program's own options may follow any command. */
function valueCases(command: CommandShape, anywhere: boolean): string[] {
  return command.options.filter(takesValue).map(({ names, words }) => {
    const patterns = names.map((name) => `${anywhere ? '*' : command.name}:${name}`);
    return `    ${patterns.join(' | ')}) ${complete(words)}; return ;;`;
  });
}

function commandCase(command: CommandShape): string {
  const names = optionNames(command).join(' ');
  const [argument] = command.arguments;
  const options = `_tproxy_words '${names}' "$cur"`;
  if (argument === undefined || argument.words.is === 'free') return `    ${command.name}) ${options} ;;`;
  return `    ${command.name}) if [[ $cur == -* ]]; then ${options}; else ${complete(argument.words)}; fi ;;`;
}

function complete(words: Words): string {
  switch (words.is) {
    case 'file':
      return '_tproxy_files "$cur"';
    case 'bridge':
      return '_tproxy_bridges "$cur"';
    case 'choice':
      return `_tproxy_words '${words.of.join(' ')}' "$cur"`;
    case 'free':
      return ':';
  }
}
