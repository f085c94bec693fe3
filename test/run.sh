#!/bin/bash
# `npm test`: installs what the tests need, builds, and runs all tests: unit, integration, e2e. Arguments go to vitest.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
bash test/support/install.sh packages kernel promtool modules build

results=.cache/test-results.json
rm -f "$results"
status=0
node_modules/.bin/vitest run --reporter=default --reporter=json --outputFile.json="$results" "$@" || status=$?
# With arguments a part of the tests is left out on purpose; without, every test has to have run.
node test/support/results.mjs "$results" $([ $# -eq 0 ] && echo --all) || status=1
exit "$status"
