import { run } from '../host/run.ts';

/**
 * Settings of every namespace that holds an end of a connection.
 * tcp_max_tw_buckets: without it TIME_WAIT fills the port range within seconds and every proxy then measures about
 * 1 000 connections/s. IPv6 off: neighbour discovery on hundreds of links is noise.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  'ipv4/tcp_max_tw_buckets': '0',
  'ipv4/ip_local_port_range': '1024 65535',
  'ipv6/conf/all/disable_ipv6': '1',
  'ipv6/conf/default/disable_ipv6': '1',
};

/** Applies the settings in the network namespace that `prefix` enters. */
export async function settle(prefix: readonly string[]): Promise<void> {
  const lines = Object.entries(SETTINGS).map(
    ([key, value]) => `[ ! -e /proc/sys/net/${key} ] || echo '${value}' >/proc/sys/net/${key}`,
  );
  await run([...prefix, 'sh', '-e'], { input: `${lines.join('\n')}\n` });
}

/** Runs `ip -batch` lines in the namespaces that `prefix` enters. */
export async function ipBatch(prefix: readonly string[], lines: readonly string[]): Promise<void> {
  await run([...prefix, 'ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}
