#!/bin/bash
# `npm run walkthrough`: a new administrator's way with tproxy, from an empty front-end and two empty hypervisors to the removal
# without residue, on machines of their own (Debian, in namespaces; VMs in QEMU). Prints the transcript; the exit status
# tells whether everything was as it has to be. Needs root on Debian 12 or newer, with Node and npm. Leaves nothing behind but .cache.
#
#   bash test/walkthrough/run.sh
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C.UTF-8

bash "$root/test/support/install.sh" walkthrough-packages kernel modules
cache=$root/.cache/walkthrough
bash "$here/base.sh" "$cache"

scratch=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
echo 'npm run package, and the same for a newer version'
if ! {
  mkdir "$scratch/now"
  (cd "$root" && npm run --silent package -- --out "$scratch/now") && bash "$here/newer.sh" "$root" "$scratch/newer"
} >"$cache/build.log" 2>&1; then
  tail -n 40 "$cache/build.log" >&2
  echo 'the packages could not be built' >&2
  exit 1
fi

timeout --foreground --kill-after 10 900 \
  unshare --net --mount --pid --uts --ipc --fork --kill-child --mount-proc --propagation private -- \
  bash "$here/walk.sh" "$here" "$cache" "$scratch" || {
  status=$?
  case $status in 124 | 137) echo 'The walk was not over after 15 minutes.' >&2 ;; esac
  exit "$status"
}
