import { SERVICE_BACKLOG } from '../../model/names.ts';

/**
 * What the netns of a bridge must be set to, in this order. A new namespace copies the host's IPv4 settings, so each one
 * that matters is set; the kernel takes the stricter or the looser of `all` and the device depending on the key, so both
 * are.
 */
export function netnsSysctls(device: string): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  settings.set(FORWARDING, '0');
  for (const [key, value] of Object.entries(PER_DEVICE)) {
    for (const scope of ['all', 'default', device]) settings.set(`net/ipv4/conf/${scope}/${key}`, value);
  }
  settings.set('net/core/somaxconn', `${SERVICE_BACKLOG}`);
  for (const [key, value] of Object.entries(IPV4)) settings.set(`net/ipv4/${key}`, value);
  for (const scope of ['all', 'default', device]) {
    // Before the device goes up, or it gets a link-local address that guests can dial.
    settings.set(`net/ipv6/conf/${scope}/disable_ipv6`, '1');
  }
  return settings;
}

/** Comes first: the kernel resets several of the per-device settings whenever it is switched. */
export const FORWARDING = 'net/ipv4/ip_forward';

/** True for a setting that exists only as long as the device does. */
export function isDeviceSysctl(path: string, device: string): boolean {
  return path.startsWith(`net/ipv4/conf/${device}/`) || path.startsWith(`net/ipv6/conf/${device}/`);
}

const PER_DEVICE: Readonly<Record<string, string>> = {
  // Answer for 169.254.16.9 alone and never speak in the name of another address.
  arp_ignore: '1',
  arp_announce: '2',
  arp_filter: '0',
  // A guest must not fill the neighbour table with unasked-for ARP.
  arp_accept: '0',
  proxy_arp: '0',
  proxy_arp_pvlan: '0',
  // Guests have any address and the only route leads back to them: a reverse path check could tell nothing apart.
  rp_filter: '0',
  accept_redirects: '0',
  secure_redirects: '0',
  send_redirects: '0',
  accept_source_route: '0',
  // Guests must not reach 127.0.0.0/8 of the netns, nor send from its own address.
  route_localnet: '0',
  accept_local: '0',
  bc_forwarding: '0',
  bootp_relay: '0',
  // Nobody's packet inside a frame for everybody.
  drop_unicast_in_l2_multicast: '1',
  // A guest that moves an address to another of its NICs says so in this way.
  drop_gratuitous_arp: '0',
  // The kernel's log is the host's, and a guest could fill it.
  log_martians: '0',
};

const IPV4: Readonly<Record<string, string>> = {
  // The listener has no capability.
  ip_unprivileged_port_start: '0',
  ip_nonlocal_bind: '0',
  icmp_echo_ignore_all: '0',
  icmp_echo_ignore_broadcasts: '1',
  icmp_echo_enable_probe: '0',
  icmp_ignore_bogus_error_responses: '1',
  // A queue of half-open connections that guests can fill, and what happens then: cookies, so that nobody is refused.
  tcp_syncookies: '1',
  tcp_max_syn_backlog: `${SERVICE_BACKLOG}`,
  // Whoever does not answer on a wire of some metres within seconds has never dialled.
  tcp_synack_retries: '2',
  // Guests wait in the queue, they are not reset.
  tcp_abort_on_overflow: '0',
  tcp_fastopen: '0',
  tcp_rfc1337: '1',
  // What the connections of one guest were like is kept in a table that the whole host shares.
  tcp_no_metrics_save: '1',
  // Bytes: fragments that wait for the rest. The low mark first, it must not be above the other.
  ipfrag_low_thresh: '786432',
  ipfrag_high_thresh: '1048576',
  ipfrag_time: '10',
};
