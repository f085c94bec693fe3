import { accessSync, constants, realpathSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ExitCode, InputError, MissingToolError } from '../../errors.ts';
import { isSame } from '../../sync/difference.ts';
import type { Task } from '../../sync/host-sync.ts';
import { hostsOfOpenNebula, namedHosts } from '../../sync/hosts.ts';
import { progressOn, type Screen } from '../../sync/progress.ts';
import { remedyFor } from '../../sync/remedies.ts';
import { checkedDirectory } from '../../sync/scripts.ts';
import { remoteOver } from '../../sync/ssh.ts';
import { bringTo, lookAtAll, type Outcome } from '../../sync/sync.ts';
import { CONFIGURATION, packTree, sumsOf } from '../../sync/tree.ts';
import { runProgram } from '../../system/run.ts';
import { counted } from '../../words.ts';
import { faultlessConfiguration } from '../configuration.ts';
import type { Io } from '../io.ts';

/** Options as the command line gives them. */
export interface SyncFlags {
  readonly dryRun?: boolean;
  /** False: over ssh, also where there is an onehost. */
  readonly onehost: boolean;
  readonly remoteDir: string;
  readonly sshConfig?: string;
}

export interface SyncOptions extends SyncFlags {
  readonly configFile: string;
  /** Path of the running executable: the tree that it lies in is what goes to the hosts. */
  readonly executable: string;
  /** None: all that OpenNebula knows. */
  readonly hosts: readonly string[];
}

/** onehost copies to one host after the other. */
const ONEHOST_MS = 30 * 60_000;

/** `tproxy sync`: brings program and configuration from the front-end to the hypervisors, live. */
export async function sync(options: SyncOptions, io: Io): Promise<ExitCode> {
  const remotes = dirname(dirname(realpathSync(options.executable)));
  const directory = checkedDirectory(options.remoteDir);
  const configuration = await checkedText(options.configFile, remotes, io);
  const sums = await sumsOf(remotes);
  const sshConfig = options.sshConfig === undefined ? undefined : resolve(options.sshConfig);
  leaveClosedDirectory();
  const hosts =
    options.hosts.length > 0 ? namedHosts(options.hosts) : await hostsOfOpenNebula(runProgram, isRoot());
  if (hosts.length === 0)
    throw new InputError('OpenNebula has no hosts yet', { remedy: 'create one: onehost create' });

  const remoteOf = (host: string) => remoteOver(runProgram, host, sshConfig);
  const screen = screenOn(io);
  const watch = progressOn(screen, hosts);
  const task: Task = { sums, configuration, directory };
  const { looks, failed } = await lookAtAll(hosts, remoteOf, task, watch);
  if (options.dryRun) {
    screen.status?.('');
    return conclude(failed, `${counted(looks.size, 'host')} looked at, nothing was changed`, io);
  }

  const work = await mkdtemp(join(tmpdir(), 'tproxy-sync-'));
  // Also when somebody has had enough.
  process.once('exit', () => rmSync(work, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.once(signal, () => process.exit(ExitCode.failed));
  try {
    const behind = [...looks].filter(([, { difference }]) => !isSame(difference)).map(([host]) => host);
    screen.status?.('');
    const archive =
      options.onehost && behind.length > 0 && (await synchronised(behind, io))
        ? undefined
        : await packTree(runProgram, remotes, sums, join(work, 'tree.tar.gz'));
    const outcomes = await bringTo(looks, remoteOf, { ...task, archive }, watch);
    screen.status?.('');
    const done = outcomes.filter(({ is }) => is === 'done').length;
    return conclude([...failed, ...outcomes], `${counted(done, 'host')} done`, io);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** No program can be started in a directory that one may not enter, such as root's home after `sudo -u oneadmin`. */
function leaveClosedDirectory(): void {
  try {
    accessSync('.', constants.X_OK);
  } catch {
    process.chdir('/');
  }
}

/** The text that goes to the hosts; undefined: there is no file. A faulty one would take services from running guests everywhere. */
async function checkedText(file: string, remotes: string, io: Io): Promise<string | undefined> {
  if (file !== join(remotes, CONFIGURATION)) {
    throw new InputError(`tproxy sync always copies ${join(remotes, CONFIGURATION)} to the hosts`, {
      remedy: 'leave --config out',
      exitCode: ExitCode.usage,
    });
  }
  const { services } = await faultlessConfiguration(file, io, WORDS);
  return services === undefined ? undefined : readFile(file, 'utf8');
}

const WORDS = {
  refused: 'nothing was changed on any host',
  missing: 'hosts keep the one that they have',
};

/** False where there is no onehost. Hosts that it leaves behind are found when their files are compared. */
async function synchronised(hosts: readonly string[], io: Io): Promise<boolean> {
  try {
    io.err(`onehost sync -f: copies files to ${counted(hosts.length, 'host')}`);
    await runProgram('onehost', ['sync', '-f', hosts.join(',')], { timeoutMs: ONEHOST_MS });
    return true;
  } catch (error) {
    if (error instanceof MissingToolError) return false;
    if (error instanceof Error) io.err(`WARNING: ${error.message}`);
    return true;
  }
}

function conclude(outcomes: readonly Outcome[], done: string, io: Io): ExitCode {
  const failed = outcomes.flatMap((outcome) => (outcome.is === 'failed' ? [outcome] : []));
  for (const { host, reason } of failed) {
    io.err(`ERROR: ${host}: ${reason}`);
    const remedy = remedyFor(reason, isRoot());
    if (remedy !== undefined) io.err(`       → ${remedy}`);
  }
  io.out(failed.length === 0 ? done : `${done}, ${failed.length} failed`);
  return failed.length === 0 ? ExitCode.ok : ExitCode.failed;
}

/** Progress is no result: it goes where diagnostics go. */
function screenOn(io: Io): Screen {
  const { stderr } = process;
  if (stderr.isTTY !== true) return { line: io.err };
  return {
    line: io.err,
    status: (text) => stderr.write(`\r\u001b[K${text.slice(0, stderr.columns - 1)}`),
  };
}
