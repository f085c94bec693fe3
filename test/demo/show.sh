#!/bin/bash
# The demo proper. Runs in network, mount and process namespaces of its own (run.sh makes them); what it starts ends
# with it. Every step is checked: the exit code tells whether what was said is true.
set -euo pipefail

built=$1
begin=$SECONDS
export LC_ALL=C

bold='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
step() {
  current=$*
  printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}
say() { printf '%s\n' "$*"; }
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}
on_exit() {
  [ "$1" != 0 ] || return 0
  printf '\nThe demo failed at: %s\n' "$current" >&2
  tail -n 20 /var/log/one_tproxy*.log 2>/dev/null >&2 || true
}
current='setting up the namespaces'
trap 'on_exit $?' EXIT
# Prints a command, runs it and shows what it prints.
show() {
  printf '  $ %s\n' "$*"
  "$@" | sed 's/^/    /'
}

# A hypervisor's directories, seen by this demo alone.
mount -t sysfs sysfs /sys
for directory in /run /var/log /var/tmp; do mount -t tmpfs -o mode=755 tmpfs "$directory"; done
mkdir -p /run/netns /var/tmp/one
ip link set lo up

step '1. A hypervisor: bridge br0, and a server on the backbone at 10.11.12.13'
cp -a "$built/." /var/tmp/one/
vnm=/var/tmp/one/vnm
mkdir -p /var/tmp/one/etc/vnm
cat >/var/tmp/one/etc/vnm/OpenNebulaNetwork.conf <<'CONF'
:tproxy:
# OneGate service.
- :service_port: 5030
  :remote_addr: 10.11.12.13
  :remote_port: 8080
CONF
sed 's/^/    /' /var/tmp/one/etc/vnm/OpenNebulaNetwork.conf

ip link add name br0 type bridge
ip link set br0 up

# The backbone: reached from the hypervisor, not from guests.
ip netns add backbone
ip link add backbone0 type veth peer name eth0 netns backbone
ip address add 10.11.12.1/24 dev backbone0
ip link set backbone0 up
ip -n backbone address add 10.11.12.13/24 dev eth0
ip -n backbone link set lo up
ip -n backbone link set eth0 up
mkdir -p /run/nginx /var/log/nginx
cat >/run/nginx/nginx.conf <<'CONF'
pid /run/nginx/pid;
error_log /var/log/nginx/error.log;
events {}
http {
  access_log off;
  server {
    listen 10.11.12.13:8080;
    location / { return 200 "Hello from nginx on the backbone. You are $remote_addr to me.\n"; }
  }
}
CONF
ip netns exec backbone nginx -c /run/nginx/nginx.conf

step '2. A guest of an isolated network: VM 7 on br0, 192.168.150.7, no default route'
ip netns add vm-7
ip link add one-7-0 type veth peer name eth0 netns vm-7
ip link set one-7-0 master br0 up
ip -n vm-7 address add 192.168.150.7/24 dev eth0
ip -n vm-7 link set eth0 up
ip -n vm-7 route add 169.254.16.9 dev eth0 scope link
show ip -n vm-7 route
if ip netns exec vm-7 curl -s -m 2 http://10.11.12.13:8080/ >/dev/null; then fail 'the guest reaches the backbone by itself'; fi
say '  The guest cannot reach 10.11.12.13: it has no way to the backbone.'

step '3. OpenNebula deploys the VM: the pre hook gets its template'
template() {
  base64 -w 0 <<XML
<VM><ID>7</ID><NAME>demo</NAME><DEPLOY_ID>one-7</DEPLOY_ID><TEMPLATE>\
<NIC><BRIDGE><![CDATA[br0]]></BRIDGE><BRIDGE_TYPE><![CDATA[linux]]></BRIDGE_TYPE>\
<IP><![CDATA[192.168.150.7]]></IP><MAC><![CDATA[02:00:c0:a8:96:07]]></MAC><NAME><![CDATA[NIC0]]></NAME>\
<NETWORK><![CDATA[private]]></NETWORK><NETWORK_ID><![CDATA[0]]></NETWORK_ID><NIC_ID><![CDATA[0]]></NIC_ID>\
<TARGET><![CDATA[one-7-0]]></TARGET><VN_MAD><![CDATA[bridge]]></VN_MAD></NIC>\
<VMID><![CDATA[7]]></VMID></TEMPLATE></VM>
XML
}
hook() {
  printf '  $ %s < template\n' "$1"
  template | "$1" 2>&1 | sed 's/^/    /'
}
hook "$vnm/bridge/pre.d/50-tproxy"

step '4. The guest asks 169.254.16.9'
show ip netns exec vm-7 curl -s -S -m 10 http://169.254.16.9:5030/ | tee /run/answer
grep -q 'Hello from nginx on the backbone. You are 10.11.12.1 to me.' /run/answer

step '5. What runs'
show "$vnm/tproxy" status | tee /run/status
sed -n '2p' /run/status | grep -qxE ' +one_tproxy: [0-9]+'
sed -n '3p' /run/status | grep -qxE ' +one_tproxy_br0: [0-9]+'

step '6. Where the service leads: the endpoint map'
show nft list map ip one_tproxy ep_br0 | tee /run/map
grep -qF '5030 : 10.11.12.13 . 8080' /run/map

step '7. The log line of that connection'
connection() {
  grep -h '192\.168\.150\.7' /var/log/one_tproxy.log /var/log/one_tproxy_br0.log 2>/dev/null | grep '10\.11\.12\.13'
}
# It is written when both sides have closed, which may be a moment after curl has its answer.
for _ in $(seq 50); do
  ! connection >/dev/null || break
  sleep 0.1
done
connection | tail -n 1 | sed 's/^/    /' | tee /run/line
[ -s /run/line ] || fail 'no log line of the connection'

step '8. The VM is gone: the clean hook'
ip link delete one-7-0
hook "$vnm/bridge/clean.d/50-tproxy"
status=0
"$vnm/tproxy" status >/run/status || status=$?
printf '  $ %s status; echo $?\n    %s\n' "$vnm/tproxy" "$status"
[ "$status" = 3 ] && [ ! -s /run/status ] || fail 'tproxy still runs'
show ip netns list
show ip -brief link show type veth
show nft list ruleset
if ip netns list | grep one_tproxy; then fail 'a network namespace is left'; fi
if ip -o link | grep -E ' br0[ab][@:]'; then fail 'a link is left'; fi
if nft list ruleset | grep one_tproxy; then fail 'nft tables are left'; fi
if grep -lsz '^one_tproxy' /proc/[0-9]*/cmdline; then fail 'a process is left'; fi
say '  Nothing of it is left: backbone and vm-7 are the demo'"'"'s own.'

step 'What you have just seen'
say 'A guest without any way to the backbone got an answer from a web server there, by dialling 169.254.16.9:5030.
The hook that OpenNebula calls on deployment made all it takes: a network namespace with that address on the
guest'"'"'s bridge, the endpoint map, a listener in there and a forwarder outside. The server saw the hypervisor,
not the guest. When the VM had gone, the other hook removed everything.'
say "It took $((SECONDS - begin)) s. All of it ran in namespaces of its own, which end now."
