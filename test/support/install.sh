#!/bin/bash
# Brings a Debian machine to where the tests and the demo can run: missing packages, the kernel of the test VM, promtool,
# node_modules and the built tree. What is there already is left alone, so a second run needs no network.
#
#   bash test/support/install.sh packages|demo-packages|walkthrough-packages|kernel|promtool|releases|modules|build...
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/.cache
vm=$cache/vm
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

apt_get() {
  # Other runs on this machine may hold dpkg's lock.
  apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

[ "$(id -u)" = 0 ] || die 'This needs root: it makes network namespaces and installs Debian packages.'
[ -e /etc/debian_version ] || die 'This needs Debian 12 or newer: it installs Debian packages.'
for tool in apt-get dpkg-query dpkg; do
  command -v "$tool" >/dev/null || die "This needs Debian's $tool, which is not on this machine."
done
for tool in node npm; do
  command -v "$tool" >/dev/null || die "This needs Node 20 or newer with npm, and there is no $tool in PATH."
done
[ "$(node -p 'parseInt(process.versions.node) >= 20')" = true ] || die "This needs Node 20 or newer; $(command -v node) is $(node --version)."
arch=$(dpkg --print-architecture)
case $arch in
  amd64 | arm64) ;;
  *) die "The tests run on amd64 and arm64; this machine is $arch." ;;
esac

mkdir -p "$cache"
# Two runs in one checkout: one installs, the other waits and finds everything there.
exec 9>"$cache/install.lock"
flock 9

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]
}

wanted_packages() {
  sed -e 's/#.*//' "$@" | while read -r package only; do
    if [ -n "$package" ] && { [ -z "$only" ] || [ "$only" = "[$arch]" ]; }; then printf '%s\n' "$package"; fi
  done
}

install_packages() {
  local missing=() package
  for package in $(wanted_packages "$@"); do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing Debian packages: ${missing[*]}"
  # sshd and nginx must not start on this machine: the tests run them in namespaces of their own.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap "rm -f '$policy'" EXIT
  fi
  local log=$cache/apt.log
  if ! { apt_get update && apt_get install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "apt could not install: ${missing[*]} (whole output: $log)"
  fi
  for package in "${missing[@]}"; do
    is_installed "$package" || die "apt says it is done, but $package is not installed (output: $log)"
  done
}

# download FOLDER PACKAGE: the .deb, into a folder
download() {
  (cd "$1" && apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$2")
}

# promtool judges metrics and alert rules. It is taken out of its package, whose server would be started by an installation.
fetch_promtool() {
  local folder=$cache/promtool
  [ ! -x "$folder/promtool" ] || return 0
  echo 'fetching promtool (unpacked into .cache, not installed)'
  rm -rf "$folder"
  mkdir -p "$folder/deb"
  download "$folder/deb" prometheus >"$cache/apt.log" 2>&1 ||
    { apt_get update && download "$folder/deb" prometheus; } >>"$cache/apt.log" 2>&1 ||
    { tail -n 30 "$cache/apt.log" >&2; die 'apt could not fetch prometheus'; }
  dpkg -x "$folder"/deb/*.deb "$folder/root"
  [ -x "$folder/root/usr/bin/promtool" ] || die 'the package prometheus has no /usr/bin/promtool'
  mv "$folder/root/usr/bin/promtool" "$folder/promtool"
  rm -rf "$folder/deb" "$folder/root"
}

fetch_kernel() {
  # The stamp is written last: a run that was interrupted starts over.
  [ ! -e "$vm/complete" ] || return 0
  local meta=linux-image-cloud-$arch image
  resolve() {
    apt-cache depends "$meta" 2>/dev/null | sed -n "s/^ *Depends: *\(linux-image-[0-9].*-cloud-$arch\)$/\1/p" | head -n 1
  }
  image=$(resolve)
  if [ -z "$image" ]; then
    apt_get update >"$cache/apt.log" 2>&1 || die "apt-get update failed (output: $cache/apt.log)"
    image=$(resolve)
  fi
  [ -n "$image" ] || die "apt does not know $meta, the kernel of the test VM."
  echo "fetching the kernel of the test VM: $image (unpacked into .cache, not installed)"
  rm -rf "$vm"
  mkdir -p "$vm/deb"
  fetch() { download "$vm/deb" "$image"; }
  # Lists that are days old may name a version that the mirror has dropped.
  fetch >"$cache/apt.log" 2>&1 ||
    { apt_get update && image=$(resolve) && fetch; } >>"$cache/apt.log" 2>&1 ||
    { tail -n 30 "$cache/apt.log" >&2; die "apt could not fetch $image"; }
  dpkg -x "$vm"/deb/*.deb "$vm/root"
  rm -rf "$vm/deb"
  # Debian 13 has /lib merged into /usr.
  local modules
  modules=$(find "$vm/root" -type d -path '*lib/modules/*' -name kernel -print -quit)
  [ -n "$modules" ] || die "$image has no modules where they are expected"
  ln -s "root/${modules#"$vm/root/"}" "$vm/modules"
  ln -s "root/boot/$(basename "$(find "$vm/root/boot" -name 'vmlinuz-*' -print -quit)")" "$vm/vmlinuz"
  [ -s "$vm/vmlinuz" ] || die "$image has no kernel where it is expected"
  touch "$vm/complete"
}

# Tools of other Debian releases, started by their own loader with their own libraries: .cache/releases/RELEASE/bin/nft.
fetch_releases() {
  local release
  for release in bullseye bookworm trixie; do
    [ -e "$cache/releases/$release/complete" ] || fetch_release "$release"
  done
}

fetch_release() {
  local folder=$cache/releases/$1 deb
  echo "fetching nftables, iproute2, util-linux and bash of Debian $1 (unpacked into .cache, not installed)"
  rm -rf "$folder"
  mkdir -p "$folder"/apt/{lists,archives}/partial "$folder"/{root,bin}
  : >"$folder/apt/status"
  # The mirror that this machine uses.
  local mirror
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | sed -nE 's/^(URIs: *|deb +)(https?:[^ ]*\/debian)\/?( .*)?$/\2/p' | head -n 1 || true)
  [ -n "$mirror" ] || die 'no mirror of Debian found in /etc/apt/sources.list or /etc/apt/sources.list.d'
  echo "deb $mirror $1 main" >"$folder/apt/sources.list"
  apt_of() {
    apt-get -q -y -o Dir::Etc::SourceList="$folder/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State="$folder/apt" \
      -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt" -o APT::Sandbox::User=root \
      -o Acquire::Retries=3 -o APT::Install-Recommends=false "$@"
  }
  { apt_of update && apt_of --download-only install nftables iproute2 util-linux bash; } >"$cache/apt.log" 2>&1 ||
    { tail -n 30 "$cache/apt.log" >&2; die "apt could not fetch the tools of Debian $1"; }
  for deb in "$folder"/apt/archives/*.deb; do dpkg -x "$deb" "$folder/root"; done
  rm -rf "$folder/apt"
  wrap_tools "$folder"
  touch "$folder/complete"
}

wrap_tools() {
  local folder=$1 name path loader directories
  loader=$(cd "$folder/root" && echo lib/*/ld-linux-*.so.* lib64/ld-linux-*.so.* | tr ' ' '\n' | grep -v '\*' | head -n 1)
  directories=$(cd "$folder/root" && printf "%s:" lib/*-linux-gnu usr/lib/*-linux-gnu | sed "s|^|$folder/root/|; s|:$||; s|:|:$folder/root/|g")
  for name in nft ip bridge nsenter unshare setpriv bash; do
    path=$(cd "$folder/root" && find usr/sbin sbin usr/bin bin -name "$name" -type f 2>/dev/null | head -n 1)
    [ -n "$path" ] || die "the packages in $folder have no $name"
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$folder/root/$loader" "$directories" "$folder/root/$path" >"$folder/bin/$name"
    chmod 755 "$folder/bin/$name"
  done
}

install_modules() {
  # npm records in node_modules what it put there.
  if node "$here/modules-current.mjs" "$root"; then return 0; fi
  echo 'installing node_modules (npm ci)'
  (cd "$root" && npm ci --no-progress >"$cache/npm.log" 2>&1) || {
    # The cause comes first, npm's manual after it.
    head -n 20 "$cache/npm.log" >&2
    die "npm ci failed (whole output: $cache/npm.log)"
  }
}

build() {
  (cd "$root" && npm run --silent build >"$cache/build.log" 2>&1) || {
    tail -n 60 "$cache/build.log" >&2
    die "npm run build failed (whole output: $cache/build.log)"
  }
  [ -x "$root/dist/remotes/vnm/tproxy" ] || die 'npm run build made no executable dist/remotes/vnm/tproxy'
}

for step in "$@"; do
  case $step in
    packages) install_packages "$root/test/demo/packages.txt" "$here/packages.txt" ;;
    demo-packages) install_packages "$root/test/demo/packages.txt" ;;
    walkthrough-packages) install_packages "$root/test/walkthrough/packages.txt" ;;
    kernel) fetch_kernel ;;
    promtool) fetch_promtool ;;
    releases) fetch_releases ;;
    modules) install_modules ;;
    build) build ;;
    *) die "install.sh: no step called $step" ;;
  esac
done
