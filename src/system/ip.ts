import { CommandError, PermissionError } from '../errors.ts';
import { classifyIpFailure } from './ip-errors.ts';
import { type IpAnswer, parseIpAnswer } from './ip-json.ts';
import type { Run } from './run.ts';

/**
 * Runs `show` commands, one per line, as one process in the caller's network namespace and reads what they print. Rejects
 * when one of them fails, so ask for devices that exist.
 */
export async function askIp(run: Run, commands: readonly string[]): Promise<IpAnswer> {
  const args = ['-j', '-d', '-batch', '-'];
  const { stdout } = await explained(run('ip', args, { input: text(commands) }));
  return parseIpAnswer(stdout, `ip ${args.join(' ')}`);
}

/**
 * Runs commands that change something, one per line, as one process, in the caller's network namespace or in `netns`. Not a transaction: `ip` stops at the first that
 * fails, and `batchLinesDone` tells how many it had done.
 */
export async function applyIp(run: Run, commands: readonly string[], netns?: string): Promise<void> {
  const inNetns = netns === undefined ? [] : ['-n', netns];
  await explained(run('ip', [...inNetns, '-batch', '-'], { input: text(commands) }));
}

function text(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}

async function explained<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw explainIpFailure(error);
  }
}

/** The error to show: permission and missing kernel support get a remedy, anything else stays what it is. */
export function explainIpFailure(error: unknown): unknown {
  if (!(error instanceof CommandError)) return error;
  switch (classifyIpFailure(error)) {
    case 'permission':
      return new PermissionError(error.what, { remedy: 'run as root', cause: error });
    case 'missing-feature':
      return new CommandError(error.what, {
        remedy: 'load the kernel module that it needs (veth, bridge)',
        command: error.command,
        status: error.status,
        stderr: error.stderr,
        cause: error,
      });
    default:
      return error;
  }
}
