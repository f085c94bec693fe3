import { listenerTitle, PREFIX } from '../../model/names.ts';
import type { User } from '../../system/users.ts';
import { type Finding, failed, ok, warning } from '../check.ts';
import type { ProcessFacts, Stranger } from '../look/process-facts.ts';

const NO_CAPABILITY = /^0+$/;
/** Of its descriptors, from which on a process is worth a look, and from which on guests are turned away soon. */
const MANY = 0.7;
const TOO_MANY = 0.95;

/** The listener of a bridge. `user` undefined: inside a user namespace in which there is no other than root. */
export function judgeListener(
  bridge: string,
  processes: readonly ProcessFacts[],
  wanted: { readonly served: boolean; readonly user: User | undefined; readonly version: string },
): Finding {
  const title = listenerTitle(bridge);
  const own = processes.filter((process) => process.role === 'listener' && process.bridge === bridge);
  const right = own.filter(({ astray }) => !astray);
  const [listener] = right;
  if (listener === undefined) {
    if (!wanted.served && own.length === 0) return ok('none runs, and none is needed');
    if (own.length > 0) {
      return failed(
        `${title} (${own[0]?.pid}) is in a network namespace that is no longer that of ${bridge}`,
        'run tproxy reload',
      );
    }
    return failed(`${title} does not run`, 'run tproxy start');
  }
  const what = `${title} (${listener.pid})`;
  if (!wanted.served) return warning(`${what} runs for a bridge without endpoints`, 'run tproxy reload');
  if (right.length > 1) {
    return warning(
      `${right.length} processes ${title}: ${right.map(({ pid }) => pid).join(', ')}`,
      'if it stays so, run tproxy restart',
    );
  }
  if (wanted.user !== undefined && listener.uid !== wanted.user.uid) {
    return failed(`${what} runs as uid ${listener.uid}, not as ${wanted.user.name}`, 'run tproxy restart');
  }
  if (!NO_CAPABILITY.test(listener.capabilities) || !listener.noNewPrivs) {
    return failed(`${what} has privileges: capabilities ${listener.capabilities}`, 'run tproxy restart');
  }
  return (
    versionFinding(what, listener, wanted.version) ??
    ok(`${what}, as ${wanted.user?.name ?? 'root'} without capabilities`)
  );
}

/** The forwarder. `needed`: some bridge has endpoints. */
export function judgeForwarder(
  processes: readonly ProcessFacts[],
  wanted: { readonly needed: boolean; readonly version: string },
): Finding {
  const found = processes.filter(({ role }) => role === 'forwarder');
  const [forwarder] = found;
  if (forwarder === undefined) {
    return wanted.needed
      ? failed(`${PREFIX} does not run`, 'run tproxy start')
      : ok('none runs, and none is needed');
  }
  const what = `${PREFIX} (${forwarder.pid})`;
  if (!wanted.needed)
    return warning(`${what} runs, and no bridge has an endpoint`, 'run tproxy start, which ends it then');
  if (found.length > 1) {
    return failed(
      `${found.length} forwarders: ${found.map(({ pid }) => pid).join(', ')}`,
      'run tproxy restart',
    );
  }
  return versionFinding(what, forwarder, wanted.version) ?? ok(what);
}

/** The script that starts the forwarder again. */
export function judgeWatch(processes: readonly ProcessFacts[]): Finding {
  const watch = processes.find(({ role }) => role === 'watch');
  if (watch !== undefined) return ok(`tproxy_watch (${watch.pid})`);
  return warning(
    'tproxy_watch does not run: nobody starts the forwarder again when it dies',
    'run tproxy restart',
  );
}

/** Processes under our titles that are not ours: they may hold ports that guests should reach through us. */
export function judgeStrangers(found: readonly Stranger[]): Finding {
  const shown = (list: readonly Stranger[]): string =>
    list.map(({ title, pid }) => `${title} (${pid})`).join(', ');
  const others = found.filter(({ ruby }) => !ruby);
  if (others.length > 0) {
    return warning(`not of this program: ${shown(others)}`, `see what it is: ps -fp ${others[0]?.pid}`);
  }
  if (found.length === 0) return ok('none');
  return failed(
    `OpenNebula's own tproxy in Ruby still runs: ${shown(found)}`,
    'run tproxy start, which ends it and takes over',
  );
}

export function judgeDescriptors({ openFiles, fileLimit }: ProcessFacts): Finding {
  const seen = `${openFiles} of ${fileLimit} in use`;
  // A forwarder counts on the limit that it was started with.
  const raise = `sh -c 'ulimit -n ${2 * fileLimit} && tproxy restart'`;
  const remedy = `see whose connections they are: tproxy top --by guest; raise the limit: ${raise}`;
  if (openFiles > fileLimit * TOO_MANY) return failed(seen, remedy);
  if (openFiles > fileLimit * MANY) return warning(seen, remedy);
  return ok(seen);
}

function versionFinding(what: string, { version }: ProcessFacts, installed: string): Finding | undefined {
  if (version === undefined || version === installed) return undefined;
  return warning(`${what} is version ${version}, installed is ${installed}`, 'run tproxy restart');
}
