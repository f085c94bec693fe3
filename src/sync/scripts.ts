import { InputError } from '../errors.ts';
import { CONFIGURATION, EXECUTABLE, LIBRARY, type Sums } from './tree.ts';

/**
 * What runs on a hypervisor, as text for `sh -s`: POSIX, no value in it but the directory, which `checkedDirectory` has
 * judged. Each begins with a greeting, because a login shell may print whatever it likes before.
 */
export const GREETING = 'tproxy-sync-begins';

/** An absolute path that means the same to every shell. */
export function checkedDirectory(path: string): string {
  if (/^(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$/.test(path)) return path;
  throw new InputError(`--remote-dir ${JSON.stringify(path)}: not an absolute path of plain names`, {
    remedy: 'write one such as /var/tmp/one',
    exitCode: 2,
  });
}

/** A script that nothing it starts can read the rest of, as programs do that inherit standard input. */
function script(body: string): string {
  return `main() {\necho ${GREETING}\n${body}}\nmain </dev/null\n`;
}

/** Who runs it: root itself, or whoever logs in, by sudo with the fixed arguments of etc/sudoers.d. */
const AS_ROOT = '[ "$(id -u)" = 0 ] && as_root= || as_root="sudo -n"';

/** On a host: the daemons are older than the files. Written before files are changed, removed after a restart. */
const DUE = '.tproxy-restart-due';

/**
 * Tells what is there, and what `apply` would do to it with this configuration. Changes nothing. sudo gives others than root
 * fixed arguments only, so there it is what `apply` would do with the configuration that the host has; and so it is where none
 * goes along (undefined).
 */
export function lookScript(directory: string, configuration: string | undefined): string {
  const planNow = `$as_root ${directory}/${EXECUTABLE} plan 2>&1 | sed 's/^/plan-now /'`;
  return script(`set -u
${AS_ROOT}
echo "node $(node --version 2>/dev/null || echo missing)"
cd ${directory} 2>/dev/null || exit 0
# A program that listeners can't read counts as missing, so that it is brought again.
closed=$(find . vnm ${LIBRARY} -maxdepth 0 ! -perm -555 2>/dev/null; find ${EXECUTABLE} ${LIBRARY} -type f ! -perm -444 2>/dev/null)
[ -z "$closed" ] && parts=vnm || parts="vnm ! -path ${EXECUTABLE} ! -path ${LIBRARY}/*"
set -f
find etc/vnm $parts -type f -exec sha256sum {} + 2>/dev/null | sed 's/^/sum /'
if [ -n "$as_root" ] && [ -x ${EXECUTABLE} ]; then
  said=$(sudo -n -l ${directory}/${EXECUTABLE} plan 2>&1 >/dev/null) || case $said in
    '' | *password* | *allowed* | *'may not'*) echo 'no-sudo' ;;
  esac
fi
[ -d ${LIBRARY} ] || exit 0
echo "version $(./${EXECUTABLE} --version 2>/dev/null)"
if [ -n "$as_root" ]; then
  ${planNow}
else
  ${configuration === undefined ? planNow : planWith(directory, configuration)}
fi
`);
}

function planWith(directory: string, configuration: string): string {
  return `file=$(mktemp) || exit 0
  trap 'rm -f "$file"' EXIT
  base64 -d >"$file" <<'CONFIGURATION'
${Buffer.from(configuration).toString('base64')}
CONFIGURATION
  ${directory}/${EXECUTABLE} --config "$file" plan 2>&1 | sed 's/^/plan /'`;
}

export interface Look {
  /** Undefined: there is no node. */
  readonly node: string | undefined;
  readonly sums: Sums;
  readonly version: string | undefined;
  /** What `tproxy plan` says there, with the configuration that it shall get. */
  readonly plan: readonly string[];
  /** The same with the configuration that it has. */
  readonly planNow: readonly string[];
  /** Who logs in there is not root and may not become root for `apply`. */
  readonly noSudo?: true;
}

export function parseLook(output: string): Look {
  const lines = afterGreeting(output).map((line) => {
    const space = line.indexOf(' ');
    return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
  });
  const values = (key: string): string[] =>
    lines.flatMap(([name, value = '']) => (name === key ? [value] : []));
  const [node] = values('node');
  const [version] = values('version');
  const sums = values('sum').flatMap((value) => {
    const match = /^([0-9a-f]{64}) [ *](.+)$/.exec(value);
    return match === null ? [] : [[match[2] ?? '', match[1] ?? ''] as const];
  });
  return {
    node: node === 'missing' ? undefined : node,
    sums: new Map(sums),
    version: version === '' ? undefined : version,
    plan: values('plan'),
    planNow: values('plan-now'),
    ...(values('no-sudo').length > 0 ? { noSudo: true } : {}),
  };
}

/** Lines that a script of ours printed. */
export function afterGreeting(output: string): readonly string[] {
  const lines = output.split('\n').map((line) => line.trimEnd());
  const at = lines.indexOf(GREETING);
  return at < 0 ? [] : lines.slice(at + 1).filter((line) => line !== '');
}

/**
 * Puts the files of an archive in their places. They are unpacked beside them and compared with their sums first, so a
 * broken transfer changes nothing; each file then takes its place by a rename, and our library as a whole.
 */
export function installScript(directory: string, archive: string, sums: Sums, program: boolean): string {
  const list = [...sums].map(([path, sum]) => `${sum}  ${path}`).join('\n');
  return script(`set -eu
umask 022
cd ${directory}
fresh=${directory}/.tproxy-sync.$$
old=${directory}/.tproxy-old.$$
trap 'rm -rf "$fresh" "$old" ${archive}' EXIT
mkdir -m 700 "$fresh"
tar -xzf ${archive} --no-same-owner -C "$fresh" || { echo "the archive arrived broken: nothing was changed" >&2; exit 1; }
(cd "$fresh" && sha256sum --check --quiet --strict -) <<'SUMS' || { echo "files arrived damaged: nothing was changed" >&2; exit 1; }
${list}
SUMS
# Listeners, which are not root, read the program: its modes are set here, whatever umask the front-end or the login has.
chmod -R u=rwX,go=rX "$fresh/vnm"
# Left by a sync that was broken off.
find . -maxdepth 1 \\( -name '.tproxy-sync.*' -o -name '.tproxy-old.*' \\) -mmin +60 -exec rm -rf {} +
# Whoever owns the directory goes on owning what is in it.
[ "$(id -u)" != 0 ] || chown -R --reference=. "$fresh"
mkdir -p vnm etc/vnm
# Made under a careful umask by a sync before this one.
chmod go+rx . vnm 2>/dev/null || :
${program ? `: >${DUE}` : ''}
if [ -e ${LIBRARY} ]; then mv -T ${LIBRARY} "$old"; fi
mv -T "$fresh/${LIBRARY}" ${LIBRARY} || { [ ! -e "$old" ] || mv -T "$old" ${LIBRARY}; exit 1; }
cd "$fresh"
find vnm etc -type f ! -path '${CONFIGURATION}' | while read -r file; do
  mkdir -p "${directory}/\${file%/*}"
  mv -f "$file" "${directory}/$file"
done
if [ -e ${CONFIGURATION} ]; then mv -f ${CONFIGURATION} ${directory}/${CONFIGURATION}; fi
`);
}

/** Has the host follow its files: new daemons where the program changed, then configuration and repairs, live. */
export function applyScript(directory: string, program: boolean): string {
  const tproxy = `$as_root ${directory}/${EXECUTABLE}`;
  return script(`set -eu
${AS_ROOT}
due=${directory}/${DUE}
${program ? ': >"$due"' : ''}
if [ -e "$due" ]; then
  if ${tproxy} status >/dev/null; then ${tproxy} restart; echo 'restarted: new processes have taken over'; fi
  rm -f "$due"
fi
${tproxy} apply
`);
}
