import { isIPv4 } from 'node:net';
import { CommandError, TproxyError } from '../errors.ts';
import type { Run } from '../system/run.ts';

/** The IPv4 address of a host name. Rejects when there is none, or when `timeoutMs` are over. */
export type Lookup = (name: string, timeoutMs: number) => Promise<string>;

/** Code of an error: the name does not exist, says who has to know. A name server that can't be asked says no such thing. */
export const NO_SUCH_HOST = 'NO_SUCH_HOST';

/** getent(1): no such key. It says so as well when no name server answers. */
const NOT_FOUND = 2;
/** Tells the two apart: ENOTFOUND or EAI_AGAIN, or an address after all. */
const ASK_AGAIN = `require('node:dns').lookup(process.argv[1], { family: 4 }, (e, a) => console.log(e ? e.code : a))`;

/**
 * Asks what the host itself would ask (`/etc/hosts`, DNS, …), in a program that can be killed. `dns.lookup` can't: its
 * thread stays in getaddrinfo, and `process.exit()` waits for it. Measured with a name server that doesn't answer: the
 * process ended after 10 s where 1 s was meant.
 */
export function getentLookup(run: Run): Lookup {
  return async (name, timeoutMs) => {
    const giveUpAt = performance.now() + timeoutMs;
    const asked = name.endsWith('.')
      ? runForDotted(run, name, timeoutMs)
      : run('getent', ['ahostsv4', name], { timeoutMs });
    const found = await asked.then(firstWord, (error: unknown) => {
      if (error instanceof CommandError && error.status === NOT_FOUND) return '';
      throw error;
    });
    if (isIPv4(found)) return found;
    // Costs the start of a Node.js, and only for a name without an address.
    const left = Math.max(1, Math.ceil(giveUpAt - performance.now()));
    const words = ['-e', ASK_AGAIN, name];
    const answer = await run(process.execPath, words, { timeoutMs: left }).then(firstWord, () => '');
    if (isIPv4(answer)) return answer;
    const remedy = 'correct the name, or add it to the DNS or to /etc/hosts';
    if (answer === 'ENOTFOUND') {
      throw new TproxyError(`${name}: no such host`, { code: NO_SUCH_HOST, remedy });
    }
    throw new TproxyError(`${name}: no such host, or no name server answers`, { remedy });
  };
}

function firstWord({ stdout }: { readonly stdout: string }): string {
  return stdout.trim().split(/\s/, 1)[0] ?? '';
}

/** glibc compares names of `/etc/hosts` letter by letter, and nobody writes them with a dot at the end. DNS wants the dot: it keeps search domains out. */
function runForDotted(run: Run, name: string, timeoutMs: number): ReturnType<Run> {
  return run('getent', ['-s', 'hosts:files', 'ahostsv4', name.slice(0, -1)], { timeoutMs }).catch(() =>
    run('getent', ['ahostsv4', name], { timeoutMs }),
  );
}
