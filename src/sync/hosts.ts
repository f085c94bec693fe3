import { CommandError, ExitCode, InputError, MissingToolError, TproxyError } from '../errors.ts';
import type { Run } from '../system/run.ts';
import { elements, parseXml, text } from '../xml.ts';

/** A name or an address as DNS has them: nothing that ssh could take for an option or a shell for more than a word. */
const HOST_NAME = /^(?!.*\.\.)[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?$/;

/** The hosts that were named, each once. Throws for what can be no host name. */
export function namedHosts(names: readonly string[]): readonly string[] {
  const wrong = names.filter((name) => !HOST_NAME.test(name));
  if (wrong.length > 0) {
    const list = wrong.map((name) => JSON.stringify(name)).join(', ');
    throw new InputError(`${list}: not a valid host name`, {
      remedy: 'write names or IPv4 addresses; users belong in ~/.ssh/config',
      exitCode: ExitCode.usage,
    });
  }
  return [...new Set(names)];
}

/** All hosts that OpenNebula knows, by `onehost list -x`. `isRoot`: whom OpenNebula may not know. */
export async function hostsOfOpenNebula(run: Run, isRoot = false): Promise<readonly string[]> {
  const { stdout } = await run('onehost', ['list', '-x'], { timeoutMs: 60_000 }).catch((error: unknown) => {
    if (error instanceof CommandError && isRoot) {
      throw new TproxyError(error.what, {
        remedy: 'run it as oneadmin: sudo -u oneadmin tproxy sync',
        cause: error,
      });
    }
    if (!(error instanceof MissingToolError)) throw error;
    throw new InputError('this machine has no onehost to ask for the hosts', {
      remedy: 'name them: tproxy sync HOST…',
      exitCode: ExitCode.usage,
    });
  });
  return namedHosts(parseHostPool(stdout));
}

const ANSWER = {
  name: 'what onehost list -x prints',
  remedy: 'run it by hand, or name the hosts: tproxy sync HOST…',
};

/** Names of the hosts in what `onehost list -x` prints. */
export function parseHostPool(xml: string): readonly string[] {
  // An empty pool is an element without elements.
  if (/<HOST_POOL\s*(?:\/>|>\s*<\/HOST_POOL>)/.test(xml)) return [];
  return elements(parseXml(xml, 'HOST_POOL', ANSWER), 'HOST').flatMap((host) => text(host, 'NAME') ?? []);
}
