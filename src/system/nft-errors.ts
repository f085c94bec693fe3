import { CommandError, messageOf, PermissionError } from '../errors.ts';

/** What a failed `nft` said, as far as anybody here acts on it. */
export type NftFailure = 'missing-object' | 'permission' | 'missing-feature' | 'too-big' | 'other';

/**
 * The one place that reads nft's stderr. "No such file" counts only as nft's own verdict at the start of a line: the
 * dynamic loader says the same words about a broken installation, which must never read as "there is no such table".
 */
export function classifyNftFailure(error: unknown): NftFailure {
  if (!(error instanceof CommandError) || error.status === undefined) return 'other';
  const { stderr } = error;
  if (/Operation not permitted|Permission denied|you must be root/i.test(stderr)) return 'permission';
  if (/cache initialization failed/i.test(stderr)) {
    return /not supported/i.test(stderr) ? 'missing-feature' : 'other';
  }
  if (/(?:Operation|Protocol) not supported/i.test(stderr)) return 'missing-feature';
  if (/Message too long/i.test(stderr)) return 'too-big';
  return error.status === 1 && OBJECT_MISSING.test(stderr) ? 'missing-object' : 'other';
}

/** `Error: No such file …` when listing, `/dev/stdin:1:8-9: Error: …` in a batch, with or without the kernel's half. */
const OBJECT_MISSING =
  /^(?:\S+:\d+:\d+-\d+: )?Error: (?:Could not process rule: )?No such file or directory(?:$|;)/m;

/** The error to show: permission and missing kernel support get a remedy, anything else stays what it is. */
export function explainNftFailure(error: unknown): unknown {
  switch (classifyNftFailure(error)) {
    case 'permission':
      return new PermissionError(`nft: permission denied (${messageOf(error)})`, {
        remedy: 'run as root',
        cause: error,
      });
    case 'missing-feature':
      if (!(error instanceof CommandError)) return error;
      return new CommandError(`${error.message}: the kernel lacks what nft asked for`, {
        remedy: 'load or build nf_tables',
        command: error.command,
        status: error.status,
        stderr: error.stderr,
        cause: error,
      });
    case 'too-big':
      if (!(error instanceof CommandError)) return error;
      return new CommandError(
        `${error.message}: the change does not fit into the buffer of one transaction`,
        {
          remedy: 'configure fewer services, or raise net.core.wmem_max',
          command: error.command,
          status: error.status,
          stderr: error.stderr,
          cause: error,
        },
      );
    default:
      return error;
  }
}
