/** Environment variables by which our processes are told from strangers that took the same title. */
export const ROLE_VARIABLE = 'ONE_TPROXY_ROLE';
/** Inode of the network namespace that stands for the host. Several "hosts" can share a PID namespace (tests, containers). */
export const HOST_VARIABLE = 'ONE_TPROXY_HOST';
