# The data centre: a backbone that all machines are on, and behind a router the servers that services lead to.

declare -A server_pid

site_start() {
  ip link set lo up
  ip link add backbone type bridge forward_delay 0
  ip address add 10.0.0.254/24 dev backbone
  ip link set backbone up
  ip netns add servers
  ip link add to-servers type veth peer name eth0 netns servers
  ip address add 10.11.12.1/24 dev to-servers
  ip link set to-servers up
  echo 1 >/proc/sys/net/ipv4/ip_forward
  ip -n servers link set lo up
  for address in 10.11.12.13 10.11.12.14; do ip -n servers address add $address/24 dev eth0; done
  ip -n servers link set eth0 up
  ip -n servers route add default via 10.11.12.1
  server_start onegate web.mjs 10.11.12.13 5030 'Hello from OneGate'
  server_start shell server.mjs 10.11.12.14 22
  server_start mirror web.mjs 10.11.12.14 80 'Hello from the mirror'
}

# server_start NAME PROGRAM WORD…: one of test/support/programs
server_start() {
  local name=$1 program=$2
  shift 2
  ip netns exec servers node "$here/../support/programs/$program" "$@" >"$work/server-$name" 2>&1 &
  server_pid[$name]=$!
  within 20 grep -qx listening "$work/server-$name" || fail "the server $name does not start: $(cat "$work/server-$name")"
}

server_stop() {
  kill "${server_pid[$1]}"
  wait "${server_pid[$1]}" 2>/dev/null || true
}
