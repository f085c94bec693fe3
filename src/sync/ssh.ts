import { CommandError } from '../errors.ts';
import type { Run } from '../system/run.ts';

/** The way to a host. Rejects with the reason in few words. */
export interface Remote {
  /** Runs a script of ours with `sh` and resolves with what it printed. */
  script(text: string, timeoutMs: number): Promise<string>;
  copy(file: string, to: string): Promise<void>;
}

const COPY_MS = 10 * 60_000;
/** ssh(1): the connection failed, or the remote shell ended so. */
const SSH_FAILED = 255;

/** Nobody is asked anything, and a host that is down is given up. */
const OPTIONS = [
  '-o',
  'BatchMode=yes',
  '-o',
  'ConnectTimeout=10',
  '-o',
  'ServerAliveInterval=5',
  '-o',
  'ServerAliveCountMax=6',
];

/** `host` has been checked. `sshConfig`: a file instead of ~/.ssh/config. */
export function remoteOver(run: Run, host: string, sshConfig: string | undefined): Remote {
  const options = [...(sshConfig === undefined ? [] : ['-F', sshConfig]), ...OPTIONS];
  return {
    async script(text, timeoutMs) {
      try {
        const { stdout } = await run('ssh', [...options, '--', host, 'sh -s'], { input: text, timeoutMs });
        return stdout;
      } catch (error) {
        throw explained(error);
      }
    },
    async copy(file, to) {
      try {
        await run('scp', [...options, '-q', '--', file, `${host}:${to}`], { timeoutMs: COPY_MS });
      } catch (error) {
        throw explained(error);
      }
    },
  };
}

/** What somebody at the front-end has to know: the last words of the host, or of ssh. */
function explained(error: unknown): unknown {
  if (!(error instanceof CommandError)) return error;
  const lines = error.stderr.split('\n').map((line) => line.trim());
  const words = lines.filter((line) => line !== '' && !/^Warning: Permanently added/.test(line));
  const last = error.status === SSH_FAILED ? words.slice(-1) : [...new Set(words)];
  // A program that was killed because it took too long has said nothing.
  const own = error.message.slice(`${error.command}: `.length);
  const message = error.status === undefined || last.length === 0 ? own : last.join('; ');
  return new CommandError(message, {
    command: error.command,
    status: error.status,
    stderr: error.stderr,
    cause: error,
  });
}
