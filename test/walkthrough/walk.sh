#!/bin/bash
# The walk proper. Runs in namespaces of its own (run.sh makes them), with which everything that it starts ends.
#
#   walk.sh HERE CACHE SCRATCH
set -euo pipefail

here=$1 cache=$2 scratch=$3
work=/run/walk
hosts=('10.0.0.1 front-end' '10.0.0.11 hv1' '10.0.0.12 hv2' '10.11.12.14 mirror.example.org')
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns "$work"
mount -t sysfs sysfs /sys
for part in transcript.sh residue.sh site.sh machine/machine.sh opennebula/install.sh guest/guest.sh; do . "$here/$part"; done

trap 'on_exit $?' EXIT

site_start
machine_start front-end 10.0.0.1
machine_start hv1 10.0.0.11
machine_start hv2 10.0.0.12
opennebula_install front-end front-end
opennebula_install hv1 node
opennebula_install hv2 node
opennebula_keys front-end hv1 hv2
as_root front-end 'sudo -u oneadmin onehost sync -f' >"$work/output" 2>&1 || fail "OpenNebula's stand-in: $(cat "$work/output")"
cp "$scratch"/now/*.deb "$work/front-end/root/root/"
for host in hv1 hv2; do cp "$scratch"/now/tproxy-node_*.deb "$work/$host/root/root/"; done

for step in "$here"/steps/*.sh; do . "$step"; done

printf '\nThe walk took %s s; every step showed what it had to.\n' $((SECONDS - begin))
