#!/usr/bin/env bash
# Builds another revision under .cache/bench and prints the path of its executable. Cached by commit.
# An archive instead of a git worktree: nothing to register in, and to remove from, a repository that others use too.
set -euo pipefail
revision=${1:?revision}
commit=$(git rev-parse --verify --quiet "$revision^{commit}") || {
  echo "bench: $revision is not a commit of this repository" >&2
  exit 1
}
tree=$PWD/.cache/bench/against-${commit:0:12}
executable=$tree/dist/remotes/vnm/tproxy

if [ ! -x "$executable" ]; then
  rm -rf "$tree"
  mkdir -p "$tree"
  git archive "$commit" | tar -x -C "$tree"
  echo "bench: building ${commit:0:12}" >&2
  if [ -d node_modules ] && cmp --quiet package-lock.json "$tree/package-lock.json"; then
    ln -s "$PWD/node_modules" "$tree/node_modules"
  else
    (cd "$tree" && npm ci --no-audit --no-fund) >&2
  fi
  (cd "$tree" && npm run --silent build) >&2
  [ -x "$executable" ] || { echo "bench: ${commit:0:12} did not build dist/remotes/vnm/tproxy" >&2; exit 1; }
fi
echo "$executable"
