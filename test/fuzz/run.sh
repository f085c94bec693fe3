#!/bin/bash
# `npm run fuzz -- --count 100000`: the long form of test/fuzz/fuzz.test.ts. Needs node_modules and nothing else.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec node --no-warnings --import "$here/../torture/typescript.mjs" "$here/main.ts" "$@"
