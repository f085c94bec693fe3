#!/usr/bin/env bash
# PID 1 of the benchmark's namespaces: a /run for `ip netns`, then the program; orphans are reaped by bash.
set -euo pipefail
mount -t tmpfs tmpfs /run
mount -t sysfs sysfs /sys
ip link set lo up
program=$1
shift
status=0
node --enable-source-maps "$program" "$@" || status=$?
exit "$status"
