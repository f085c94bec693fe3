import { isIPv4 } from 'node:net';
import { CommandError, InputError } from '../errors.ts';
import type { Run } from '../system/run.ts';

/** The IPv4 address of a host name. Rejects when there is none, or when `timeoutMs` are over. */
export type Lookup = (name: string, timeoutMs: number) => Promise<string>;

/** getent(1): no such key. */
const NOT_FOUND = 2;

/**
 * Asks what the host itself would ask (`/etc/hosts`, DNS, …), in a program that can be killed. `dns.lookup` can't: its
 * thread stays in getaddrinfo, and `process.exit()` waits for it. Measured with a name server that doesn't answer: the
 * process ended after 10 s where 1 s was meant.
 */
export function getentLookup(run: Run): Lookup {
  return async (name, timeoutMs) => {
    const { stdout } = await (name.endsWith('.')
      ? runForDotted(run, name, timeoutMs)
      : run('getent', ['ahostsv4', name], { timeoutMs })
    ).catch(explain(name));
    const address = stdout.split(/\s/, 1)[0] ?? '';
    if (!isIPv4(address)) throw notFound(name);
    return address;
  };
}

/** glibc compares names of `/etc/hosts` letter by letter, and nobody writes them with a dot at the end. DNS wants the dot: it keeps search domains out. */
function runForDotted(run: Run, name: string, timeoutMs: number): ReturnType<Run> {
  return run('getent', ['-s', 'hosts:files', 'ahostsv4', name.slice(0, -1)], { timeoutMs }).catch(() =>
    run('getent', ['ahostsv4', name], { timeoutMs }),
  );
}

function explain(name: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof CommandError && error.status === NOT_FOUND ? notFound(name) : error;
  };
}

function notFound(name: string): InputError {
  return new InputError(`${name}: no such host`, {
    remedy: 'correct the name, or add it to the DNS or to /etc/hosts',
  });
}
