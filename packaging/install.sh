#!/bin/bash
# Installs the program on a front-end without dpkg, or takes it away again. OpenNebula's own files of the same names are
# kept as <name>.stock and come back. OpenNebulaNetwork.conf is never touched.
#
#   install.sh install [--only executable|hooks|shim] [--to DIRECTORY]     twice is fine, and is how to upgrade
#   install.sh remove [--to DIRECTORY]
#
# --only executable  the stock Ruby drivers go on making bridge ports, namespaces and nft maps
# --only hooks       this program makes them, called by hooks in pre.d and clean.d of the drivers
# --only shim        the same, called by the stock drivers through tproxy.rb
# Without --only: hooks and shim. DIRECTORY is /var/lib/one/remotes/vnm where nothing else is said.
set -euo pipefail
# Listeners, which are not root, read the program.
umask 022

die() {
  printf 'ERROR: %s\n' "$*" >&2
  exit 2
}

verb=${1-}
[ $# -eq 0 ] || shift
only=all to=/var/lib/one/remotes/vnm
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die "$1: needs a value"
  case $1 in
    --only) only=$2 ;;
    --to) to=$2 ;;
    *) die "$1: no such option" ;;
  esac
  shift 2
done
case $only in all | executable | hooks | shim) ;; *) die "--only $only: write executable, hooks or shim" ;; esac
case $to in
  '') die '--to: write the path of a directory' ;;
  /*) ;;
  *) to=$PWD/$to ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")"

# dpkg-divert and this script would each move the same files aside.
if [ "$(dpkg-query -W -f='${db:Status-Status}' tproxy 2>/dev/null || true)" = installed ] && [ "$to" = /var/lib/one/remotes/vnm ]; then
  die 'the Debian package tproxy is installed: upgrade it with dpkg, or purge it first'
fi

ours() { grep -qs 'tproxy.d/\|tproxy: shim' "$1"; }

# Puts a file of ours in the place of a stock one.
replace() {
  if [ -e "$to/$1" ] && ! ours "$to/$1"; then mv "$to/$1" "$to/$1.stock"; fi
  cp -a "remotes/vnm/$1" "$to/.$1.new"
  chmod u=rwX,go=rX "$to/.$1.new"
  mv "$to/.$1.new" "$to/$1"
}

give_back() {
  if ours "$to/$1"; then rm "$to/$1"; fi
  if [ -e "$to/$1.stock" ] && [ ! -e "$to/$1" ]; then mv "$to/$1.stock" "$to/$1"; fi
}

hooks() { (cd remotes/vnm && find . -path '*.d/50-tproxy' -printf '%P\n'); }

remove_hooks() {
  local hook
  for hook in $(hooks); do
    rm -f "$to/$hook"
    rmdir --ignore-fail-on-non-empty "$(dirname "$to/$hook")" "$(dirname "$to/${hook%/*}")" 2>/dev/null || true
  done
}

install_tree() {
  mkdir -p "$to"
  # The new library beside the old one, then one in the place of the other: an `up` that is under way finds either.
  rm -rf "$to/.tproxy.d.new" "$to/.tproxy.d.old"
  cp -a remotes/vnm/tproxy.d "$to/.tproxy.d.new"
  chmod -R u=rwX,go=rX "$to/.tproxy.d.new"
  [ ! -e "$to/tproxy.d" ] || mv "$to/tproxy.d" "$to/.tproxy.d.old"
  mv "$to/.tproxy.d.new" "$to/tproxy.d"
  rm -rf "$to/.tproxy.d.old"
  replace tproxy
  case $only in all | hooks) for hook in $(hooks); do
    mkdir -p "$(dirname "$to/$hook")"
    cp -a "remotes/vnm/$hook" "$to/$hook"
  done ;; *) remove_hooks ;; esac
  case $only in all | shim) replace tproxy.rb ;; *) give_back tproxy.rb ;; esac
  if getent passwd oneadmin >/dev/null; then
    chown -R oneadmin: "$to/tproxy" "$to/tproxy.d"
    for file in tproxy.rb $(hooks); do [ ! -e "$to/$file" ] || chown oneadmin: "$to/$file"; done
  fi
}

case $verb in
  install) install_tree ;;
  remove)
    remove_hooks
    give_back tproxy
    give_back tproxy.rb
    rm -rf "$to/tproxy.d"
    ;;
  *) die 'write install.sh install or install.sh remove' ;;
esac
