const AS_ONEADMIN = 'run it as the user whose key the host knows: sudo -u oneadmin tproxy sync';

/** Words of a host, or of ssh, that don't say what to do; what root has to do about them, and what anybody else. */
const REMEDIES: readonly (readonly [words: RegExp, others: string, root?: string])[] = [
  [
    /\bsudo: .*(?:password is required|not allowed|may not run)/,
    'install the package tproxy-node there: its /etc/sudoers.d/one-tproxy lets this user run tproxy',
  ],
  [/Permission denied \(/, "add this user's key to ~/.ssh/authorized_keys there", AS_ONEADMIN],
  [
    /Host key verification failed/,
    "log in once by hand, or add the host's key to ~/.ssh/known_hosts",
    AS_ONEADMIN,
  ],
  [
    /Could not resolve hostname/,
    'write its address into ~/.ssh/config or /etc/hosts, or correct its name in OpenNebula',
  ],
  [
    /No route to host|Connection (?:timed out|refused)|timed out/,
    'start the host or its sshd, or open the firewall in front of it; then run tproxy sync again',
  ],
];

/** What to do about a host that failed; undefined where the reason says it. */
export function remedyFor(reason: string, isRoot: boolean): string | undefined {
  const found = REMEDIES.find(([words]) => words.test(reason));
  return found === undefined ? undefined : ((isRoot ? found[2] : undefined) ?? found[1]);
}
