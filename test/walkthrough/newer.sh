#!/bin/bash
# Makes the packages of the version after the checkout's, from a copy of it.
#
#   newer.sh CHECKOUT OUT
set -euo pipefail

checkout=$1 out=$2
copy=$(mktemp -d "$(dirname "$out")/copy.XXXXXX")
trap 'rm -rf "$copy"' EXIT
mkdir -p "$out" "$copy/.cache"
tar -C "$checkout" --exclude=./.git --exclude=./node_modules --exclude=./.cache --exclude='./dist*' -cf - . | tar -C "$copy" -xf -
ln -s "$checkout/node_modules" "$copy/node_modules"
[ ! -d "$checkout/.cache/koffi" ] || cp -a "$checkout/.cache/koffi" "$copy/.cache/"
cd "$copy"
npm version --silent --no-git-tag-version patch
npm run --silent package -- --out "$out"
