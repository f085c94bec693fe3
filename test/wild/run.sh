#!/bin/bash
# `npm run test:wild [TEST…]`: tests on other kernels and versions of tools than those of this machine, emulated by QEMU where a
# kernel has to be another. Takes minutes.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
bash test/support/install.sh packages kernel modules
exec node_modules/.bin/vitest run --config vitest.wild.config.ts "$@"
