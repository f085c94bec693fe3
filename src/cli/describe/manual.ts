import type { CommandShape, ProgramShape } from './shape.ts';

interface Paragraph {
  readonly term: string;
  readonly text: string;
}

const EXIT_CODES: readonly Paragraph[] = [
  { term: '0', text: 'Success: the requested state is in effect.' },
  { term: '1', text: 'Failure: standard error says what failed, on which bridge, and what to do.' },
  { term: '2', text: 'The command line or the configuration is wrong.' },
  { term: '3', text: 'No daemon is running.' },
];

const FILES: readonly Paragraph[] = [
  {
    term: '/var/lib/one/remotes/etc/vnm/OpenNebulaNetwork.conf',
    text: 'The configuration, on the front-end.',
  },
  {
    term: '/var/tmp/one/etc/vnm/OpenNebulaNetwork.conf',
    text: 'Its copy on a hypervisor. In general: ../etc/vnm/OpenNebulaNetwork.conf seen from the executable.',
  },
  {
    term: '/var/log/one_tproxy.log, /var/log/one_tproxy_<bridge>.log',
    text: 'What the daemons did, and a line for each finished connection of a bridge.',
  },
  { term: '/run/one_tproxy/', text: 'Sockets, the lock, and records of who uses which bridge.' },
];

const ENVIRONMENT: readonly Paragraph[] = [
  { term: 'NO_COLOR', text: 'Set it to any value to turn colours off.' },
];

const DESCRIPTION = `Guests in isolated virtual networks reach selected services at 169.254.16.9, each at its own
port. The services are listed in OpenNebulaNetwork.conf under :tproxy:. OpenNebula calls up and down for each VM; the other
commands are for people.`;

/** The manual page, in roff with the man macros. `version` without the commit: a page has no use for it. */
export function manualPage(program: ProgramShape, version: string): string {
  return [
    `.TH TPROXY 8 "" "tproxy ${roff(version)}" "System Administration"`,
    section('NAME', `tproxy \\- ${roff(program.description)}`),
    section('SYNOPSIS', `.B tproxy\n.RI [ options ]\n.I command\n.RI [ arguments ]`),
    section('DESCRIPTION', roff(DESCRIPTION)),
    section('OPTIONS', optionList(program)),
    section('COMMANDS', program.commands.map(commandText).join('\n')),
    section('EXIT STATUS', list(EXIT_CODES)),
    section('FILES', list(FILES)),
    section('ENVIRONMENT', list(ENVIRONMENT)),
    section('SEE ALSO', '.BR nft (8),\n.BR ip\\-netns (8)'),
    '',
  ].join('\n');
}

function section(title: string, body: string): string {
  return `.SH ${title}\n${body}`;
}

function commandText(command: CommandShape): string {
  const words = command.arguments.map(({ placeholder }) => ` \\fI${roff(placeholder)}\\fR`).join('');
  const options = command.options.length === 0 ? '' : ` [\\fIoptions\\fR]`;
  const given = list(
    command.arguments.map(({ placeholder, description }) => ({
      term: placeholder,
      text: sentence(description),
    })),
  );
  const details = [given, optionList(command)].filter((text) => text !== '');
  return [
    `.SS tproxy ${roff(command.name)}${options}${words}`,
    roff(sentence(command.description)),
    ...details,
  ].join('\n');
}

function optionList({ options }: CommandShape): string {
  return list(
    options.map(({ names, placeholder = '', description }) => ({
      term: `${names.join(', ')} ${placeholder}`.trim(),
      text: sentence(description),
    })),
  );
}

function list(paragraphs: readonly Paragraph[]): string {
  return paragraphs.map(({ term, text }) => `.TP\n.B ${roff(term)}\n${roff(text)}`).join('\n');
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) || begun === '' ? begun : `${begun}.`;
}

/** Text for roff: a backslash, a dash, and a dot or quote at the start of a line mean something to it. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&');
}
