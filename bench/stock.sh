#!/usr/bin/env bash
# What the stock drivers do for one NIC, a process per step: `stock.sh up|down BRIDGE TPROXY PORT:ADDRESS:PORT …`.
# The Ruby around it, its `sudo` and the Ruby daemons are left out, which flatters it.
set -uo pipefail
verb=$1 bridge=$2 tproxy=$3
shift 3
netns=one_tproxy_$bridge
inside=${bridge}a port=${bridge}b

up() {
  ip link show "$port" >/dev/null 2>&1 || ip link add "$port" type veth peer name "$inside"
  ip link set dev "$port" master "$bridge" up
  ip netns pids "$netns" >/dev/null 2>&1 || ip netns add "$netns"
  if ip link show "$inside" >/dev/null 2>&1; then ip link set "$inside" netns "$netns"; fi
  ip netns exec "$netns" ip address replace 169.254.16.9/32 dev "$inside"
  ip netns exec "$netns" ip link set dev "$inside" up
  ip netns exec "$netns" ip route replace default dev "$inside"

  # STOCK_MATCH selects the bridge: `meta ibrname`, which some kernels lack.
  local chain="table bridge one_tproxy { chain ch_$bridge { type filter hook forward priority filter; policy accept; }; };
flush chain bridge one_tproxy ch_$bridge;
add rule bridge one_tproxy ch_$bridge $STOCK_MATCH oifname != $port arp operation request arp daddr ip 169.254.16.9 drop;"
  nft -f - <<<"$chain"

  local map="table ip one_tproxy { map ep_$bridge { type inet_service : ipv4_addr . inet_service; }; };
flush map ip one_tproxy ep_$bridge;" endpoint
  for endpoint; do
    IFS=: read -r service address remote <<<"$endpoint"
    map+="
add element ip one_tproxy ep_$bridge { $service : $address . $remote };"
  done
  nft -f - <<<"$map"
}

down() {
  nft -f - <<<"table ip one_tproxy { map ep_$bridge { type inet_service : ipv4_addr . inet_service; }; };
delete map ip one_tproxy ep_$bridge;"
  nft -f - <<<"table bridge one_tproxy { chain ch_$bridge { type filter hook forward priority filter; policy accept; }; };
delete chain bridge one_tproxy ch_$bridge;"
  if ip link show "$port" >/dev/null 2>&1; then ip link delete "$port"; fi
  if ip netns pids "$netns" >/dev/null 2>&1; then ip netns delete "$netns"; fi
}

set -e
"$verb" "$@"
"$tproxy" start
"$tproxy" reload
