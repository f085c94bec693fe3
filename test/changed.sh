#!/bin/bash
# `npm run test:changed [COMMIT]`: the unit tests of what has changed since COMMIT, by default since the branch left main;
# what is not committed counts. All of them where that can't be told: no git, no main, or a changed file that is not
# TypeScript, which tests read without importing it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

unit=(node_modules/.bin/vitest run --project unit)
all() {
  echo "all unit tests: $1"
  exec "${unit[@]}"
}

base=${1:-$(git merge-base HEAD main 2>/dev/null)} || all 'no branch main to compare with'
changed=$(git diff --name-only "$base" && git ls-files --others --exclude-standard) || all "no commit $base"
other=$(grep -Ev '^(src|test)/.*\.ts$' <<<"$changed" | grep -v '^$' | head -n 1) || true
[ -z "$other" ] || all "$other has changed"
exec "${unit[@]}" --changed "$base" --passWithNoTests
