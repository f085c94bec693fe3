#!/bin/bash
# `npm run torture`: reloads, restarts and kills under constant traffic on three bridges, in a sandbox of its own. Prints
# what it counted; exit status 0 when nothing went wrong. Needs root and the built tree (TPROXY_REMOTES names another one).
#
#   bash test/torture/run.sh [--short] [--reloads N] [--restarts N] [--kills N] [--stops N] [--minutes M] [--seed N]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec node --no-warnings --import "$here/typescript.mjs" "$here/main.ts" "$@"
