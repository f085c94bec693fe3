import { randomBytes } from 'node:crypto';
import { TproxyError } from '../errors.ts';
import { VERSION } from '../version.ts';
import { type Difference, differenceOf, isSame, words } from './difference.ts';
import { afterGreeting, applyScript, installScript, type Look, lookScript, parseLook } from './scripts.ts';
import type { Remote } from './ssh.ts';
import type { Sums } from './tree.ts';

/** What is done to every host. */
export interface Task {
  readonly sums: Sums;
  /** Text of the configuration file that goes along; undefined: none does. */
  readonly configuration: string | undefined;
  /** Remotes directory on the hosts, checked. */
  readonly directory: string;
}

export interface Looked {
  readonly difference: Difference;
  /** For people, a line each. */
  readonly lines: readonly string[];
}

const NO_SUDO =
  'WARNING: the login user lacks sudo rights for tproxy; new files will not be applied; install the package tproxy-node there';

const LOOK_MS = 60_000;
const INSTALL_MS = 120_000;
/** Hundreds of bridges, and a name server that is slow. */
const APPLY_MS = 300_000;

/** What would change on a host. Changes nothing. */
export async function lookAt(remote: Remote, { sums, configuration, directory }: Task): Promise<Looked> {
  const output = await remote.script(lookScript(directory, configuration), LOOK_MS);
  const look = parseLook(output);
  if (look.node === undefined)
    throw new TproxyError('node is missing', { remedy: 'install Node 20 or newer there' });
  const difference = differenceOf(sums, look.sums);
  const version = look.version === undefined ? [] : [versions(look.version)];
  return { difference, lines: [words(difference), ...version, ...plansIn(look)] };
}

function plansIn({ noSudo, plan, planNow }: Look): readonly string[] {
  if (noSudo) return [NO_SUDO];
  const plans = [
    ...plan.map((line) => `plan: ${line}`),
    ...planNow.map((line) => `plan, with the configuration that it has: ${line}`),
  ];
  return plans.filter((line) => !line.endsWith(': nothing to do'));
}

/** The front-end has the version that this program is. */
function versions(there: string): string {
  return there === VERSION ? `version ${there}` : `version ${there}, gets ${VERSION}`;
}

/** Copies the archive and puts its files in their places. */
export async function install(
  remote: Remote,
  archive: string,
  { directory, sums }: Task,
  { program }: Difference,
): Promise<void> {
  // Beside its place, because renames work within one file system only.
  const there = `${directory}/.tproxy-sync.${randomBytes(6).toString('hex')}.tar.gz`;
  await remote.script(`umask 022; mkdir -p ${directory}`, LOOK_MS);
  try {
    await remote.copy(archive, there);
  } catch (error) {
    await remote.script(`rm -f ${there}`, LOOK_MS).catch(() => undefined);
    throw error;
  }
  await remote.script(installScript(directory, there, sums, program), INSTALL_MS);
}

/** Has the host follow its files. Resolves with what it says it did. */
export async function follow(
  remote: Remote,
  task: Task,
  { program }: Difference,
): Promise<readonly string[]> {
  return afterGreeting(await remote.script(applyScript(task.directory, program), APPLY_MS));
}

/** Rejects when a host does not have the files that it should have. */
export async function demandSame(remote: Remote, task: Task): Promise<void> {
  const { difference } = await lookAt(remote, task);
  if (!isSame(difference)) {
    throw new TproxyError(`onehost sync did not update this host: ${words(difference)}`, {
      remedy: 'run it by hand and read its output: onehost sync -f',
    });
  }
}
