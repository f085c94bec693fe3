#!/bin/bash
# `npm run demo`: installs what it needs, builds, and shows a guest reaching a service at 169.254.16.9, in namespaces of
# its own. The machine's own network is left alone.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bash "$root/test/support/install.sh" demo-packages modules build
PATH=$PATH:/usr/sbin:/sbin
exec unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private -- \
  bash "$root/test/demo/show.sh" "$root/dist/remotes"
