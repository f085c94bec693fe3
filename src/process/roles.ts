/** Environment variables by which our processes are told from strangers that took the same title. */
export const ROLE_VARIABLE = 'ONE_TPROXY_ROLE';
/** Inode of the network namespace that stands for the host. Several "hosts" can share a PID namespace (tests, containers). */
export const HOST_VARIABLE = 'ONE_TPROXY_HOST';

/** Version of the program that started the process. */
export const VERSION_VARIABLE = 'ONE_TPROXY_VERSION';

/** Title of a forwarder that only finishes its relays. It must not be longer than `one_tproxy`. */
export const DRAINING_TITLE = 'tproxy_old';
/** First word on the command line of the script that starts the forwarder again. */
export const WATCH_TITLE = 'tproxy_watch';

/** What a new forwarder does with listeners that run. `replace`: new ones succeed them (restart, upgrade). `adopt`: they stay. */
export type TakeOver = 'adopt' | 'replace';
