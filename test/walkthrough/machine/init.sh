#!/bin/bash
# Becomes process 1 of a machine: its own directories, then sshd.
#
#   init.sh NAME ROOT
set -euo pipefail

name=$1 root=$2
hostname "$name"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mkdir -p run/sshd run/lock run/before
pivot_root . run/before
cd /
umount --lazy /run/before
rmdir /run/before
ip link set lo up
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash -c '
  rm -f /etc/ssh/ssh_host_*; ssh-keygen -q -A; /usr/sbin/sshd
  : >/run/started
  # Process 1 inherits what others leave, and bash takes care of it while it waits.
  while :; do sleep 3600 & wait $!; done'
