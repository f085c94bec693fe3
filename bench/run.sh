#!/usr/bin/env bash
# Measures this program beside its peers, in namespaces of its own. Needs root; leaves nothing behind but .cache/bench.
#
#   npm run bench -- [options]          side by side: throughput, requests, connections, CPU, memory (bench/main.ts)
#   npm run bench -- hook [options]     `tproxy up` and `down` for one NIC against the stock way (bench/hook.ts)
#   npm run bench -- scale [options]    many bridges on one host (bench/scale.ts)
#   npm run bench -- fairness [options] what an attack of one guest costs another one (bench/fairness.ts)
#   npm run bench -- verdict            what a verdict on a request costs, with few rules and with many (bench/verdict.ts)
#
# --against REV is handled here, because building needs the network that the namespaces do not have.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { echo "bench: $*" >&2; exit 1; }

# Nothing but computation: no root, no namespace, no build.
if [ "${1:-}" = verdict ]; then
  [ -x node_modules/.bin/esbuild ] || die 'node_modules is missing; run npm ci first'
  node_modules/.bin/esbuild bench/verdict.ts --bundle --platform=node --format=esm --target=node20 --log-level=warning |
    node --input-type=module -
  exit
fi

[ "$(id -u)" = 0 ] || die 'namespaces, bridges and nft need root; run it with sudo'
[ -x node_modules/.bin/esbuild ] || die 'node_modules is missing; run npm ci first'

program=main
case ${1:-} in
  hook | scale | fairness) program=$1; shift ;;
  '' | -*) ;;
  *) die "unknown benchmark \"$1\" (hook, scale, fairness, verdict, or options only)" ;;
esac

args=()
against=
wants_build=yes
while [ $# -gt 0 ]; do
  case $1 in
    --against) against=${2:?--against needs a revision}; shift 2 ;;
    --against=*) against=${1#*=}; shift ;;
    --help | -h | --tproxy | --tproxy=*) wants_build=no; args+=("$1"); shift ;;
    *) args+=("$1"); shift ;;
  esac
done

mkdir -p .cache/bench
# Two runs at once would measure each other.
exec 9>.cache/bench/lock
flock -n 9 || { echo 'bench: another run is under way, waiting for it' >&2; flock 9; }

# What a killed run left.
rm -rf .cache/bench/run-*
scratch=$(mktemp -d .cache/bench/run-XXXXXX)
pid=
clean() {
  # unshare takes its PID 1 along, and with that one the kernel ends every process of the namespaces.
  [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
  [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
  rm -rf "$scratch"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

bash bench/install.sh

if [ -n "$against" ]; then
  built=$(bash bench/against.sh "$against")
  args+=(--against-label "$(git rev-parse --short "$against^{commit}")" --against-build "$built")
fi

executable=dist/remotes/vnm/tproxy
if [ "$wants_build" = yes ]; then
  if [ ! -e "$executable" ]; then
    # Until the program can be built the peers are measured without it; main.ts says so.
    [ ! -e build.mjs ] || npm run --silent build >&2 || die 'npm run build failed'
  elif [ -n "$(find src remotes -newer "$executable" -type f -print -quit)" ]; then
    echo "bench: WARNING: src/ or remotes/ is newer than $executable; run npm run build to measure it" >&2
  fi
fi

node_modules/.bin/esbuild bench/main.ts bench/hook.ts bench/scale.ts bench/fairness.ts bench/clients/*.ts bench/peers/node-hop.ts \
  --bundle --platform=node --format=esm --target=node20 --outdir="$scratch/js" --out-extension:.js=.mjs \
  --entry-names='[name]' --log-level=warning

# 10 000 relays are 20 000 descriptors in a forwarder, and most logins start from 1024. Raising the hard limit takes
# CAP_SYS_RESOURCE, which containers may lack; main.ts makes do with what there is.
ulimit -n 262144 2>/dev/null || ulimit -n "$(ulimit -Hn)"
BENCH_DESCRIPTORS=$(ulimit -n)
export BENCH_DESCRIPTORS

BENCH_ROOT=$PWD BENCH_SCRATCH=$PWD/$scratch BENCH_COMMIT=$(git describe --always --dirty 2>/dev/null || echo unknown) \
  setpriv --pdeathsig KILL -- \
  unshare --net --mount --pid --fork --kill-child=KILL --mount-proc -- \
  bash bench/inside.sh "$scratch/js/$program.mjs" "${args[@]}" <&0 &
pid=$!
status=0
wait "$pid" || status=$?
pid=
exit "$status"
