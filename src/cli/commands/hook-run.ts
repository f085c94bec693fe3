import type { Reporter } from '../../driver/deps.ts';
import { ExitCode, messageOf } from '../../errors.ts';
import { forwarderLog } from '../../process/paths.ts';
import { TroubleBook } from '../../process/troubles.ts';
import type { Concern } from './concerns.ts';

/** What `up` and `down` have seen fail, and what becomes of it. */
export interface Failures {
  /** A fault ends the command with a code of its own; else it is told, noted and logged, and the VM goes on. */
  readonly strict: boolean;
  /** Has been reported already. */
  failed(code: ExitCode, reason: string, concern?: Concern): void;
  /** All is well with this NIC. */
  cleared(concern: Concern): void;
  exitCode(): Promise<ExitCode>;
}

/**
 * By hand, and where `:tproxy_required:` says so, faults are in the exit code. When OpenNebula deploys a VM, a fault of ours must
 * not keep it from starting (docs/opennebula.md).
 */
export function failuresOf(strict: boolean, book = new TroubleBook()): Failures {
  const codes: ExitCode[] = [];
  const reasons: { readonly bridge?: string; readonly reason: string }[] = [];
  return {
    strict,
    failed: (code, reason, concern) => {
      codes.push(code);
      reasons.push(concern === undefined ? { reason } : { bridge: concern.bridge, reason });
      // Where the exit code tells, the VM does not run.
      if (strict || concern?.owner.is !== 'vm') return;
      const { vmId, nicId } = concern.owner;
      book.note({ vmId, nicId, bridge: concern.bridge, reason, at: Date.now() });
    },
    cleared: ({ owner }) => {
      if (owner.is === 'vm') book.clear(owner);
    },
    exitCode: async () => {
      if (strict) return codes[0] ?? ExitCode.ok;
      if (reasons.length > 0) await log(reasons);
      return ExitCode.ok;
    },
  };
}

/** A bug is told with its stack, like any other failure where failures must not end the command. */
export async function survivingBugs(
  strict: boolean,
  report: Reporter,
  fn: () => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await fn();
  } catch (thrown) {
    if (strict) throw thrown;
    report.error(thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown));
    await log([{ reason: messageOf(thrown) }]);
    return ExitCode.ok;
  }
}

async function log(lines: readonly { readonly reason: string }[]): Promise<void> {
  // Loaded when it is needed: a hook in which all is well must not wait for it.
  const { openLogFile } = await import('../../log.ts');
  const file = openLogFile(forwarderLog(), 0);
  for (const line of lines) file.logger.error(line, 'hook failed');
  file.close();
}
