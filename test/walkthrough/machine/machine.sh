# Machines: network, mount, process, host name and IPC namespaces of their own, and a root of their own over the common one.

declare -A machine_pid machine_upper

# machine_start NAME ADDRESS: boots it, on the backbone
machine_start() {
  local name=$1 address=$2 at=$work/$1
  mkdir -p "$at"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=$cache/debian,upperdir=$at/upper,workdir=$at/work" "$at/root"
  mkdir -p "$at/root/srv/archive"
  mount --bind "$cache/archive" "$at/root/srv/archive"
  echo "$name" >"$at/root/etc/hostname"
  printf '%s\n' '127.0.0.1 localhost' "${hosts[@]}" >"$at/root/etc/hosts"
  unshare --net --mount --pid --uts --ipc --fork --kill-child --propagation private -- \
    bash "$here/machine/init.sh" "$name" "$at/root" </dev/null >"$at/console" 2>&1 &
  local outer=$! pid=
  for _ in $(seq 100); do
    pid=$(pgrep -P "$outer" 2>/dev/null | head -n 1) || true
    [ -z "$pid" ] || [ ! -e "/proc/$pid/root/run/started" ] || break
    kill -0 "$outer" 2>/dev/null || break
    sleep 0.1
  done
  [ -n "$pid" ] && [ -e "/proc/$pid/root/run/started" ] || fail "$name does not boot: $(cat "$at/console")"
  machine_pid[$name]=$pid machine_upper[$name]=$at/upper
  ip link add "to-$name" type veth peer name eth0 netns "$pid"
  ip link set "to-$name" master backbone up
  as_root "$name" "ip address add $address/24 dev eth0; ip link set eth0 up; ip route add 10.11.12.0/24 via 10.0.0.254"
}

# as_root MACHINE COMMAND: what root does at its console, unseen
as_root() {
  timeout --foreground "${seconds:-120}" nsenter --target "${machine_pid[$1]}" --mount --uts --ipc --net --pid --root --wd -- \
    env -i HOME=/root USER=root LOGNAME=root TERM=dumb LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -c "cd /root; $2"
}

# on_net MACHINE PROGRAM…: a program of this computer in the network of a machine
on_net() {
  local name=$1
  shift
  nsenter --target "${machine_pid[$name]}" --net -- "$@"
}
