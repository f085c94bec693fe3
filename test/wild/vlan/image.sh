#!/bin/bash
# Packs the initramfs: node, the programs that the driver starts with their libraries, all modules for networks, and the bundle.
#
#   image.sh CACHE BUNDLE OUT      CACHE: where install.sh unpacked the kernel
set -euo pipefail

cache=$1 bundle=$2 out=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$tree"' EXIT
PATH=$PATH:/usr/sbin:/sbin

mkdir -p "$tree"/{dev,proc,sys,run,tmp,root,etc,usr/{bin,sbin,lib,lib64},var/log,modules}
for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$tree/$directory"; done
mknod "$tree/dev/console" c 5 1
printf '%s\n' root:x:0:0::/root:/bin/bash nobody:x:65534:65534::/:/usr/sbin/nologin >"$tree/etc/passwd"
install -m 755 "$here/init" "$tree/init"
cp "$bundle" "$tree/program.mjs"

for program in node bash sh ip bridge nft nsenter unshare awk busybox mount mkdir mv ln uname cat cut grep env timeout sleep; do
  file=$(command -v "$program")
  real=$(readlink -f "$file")
  install -D -m 755 "$real" "$tree/usr/bin/$program"
  # What it is linked with, and what loads it.
  for library in $(ldd "$real" 2>/dev/null | grep -o '/[^ ]*'); do
    install -D "$(readlink -f "$library")" "$tree/usr/${library#/usr}" 2>/dev/null || true
    case $library in
      /usr/*) ;;
      *) install -D "$(readlink -f "$library")" "$tree$library" ;;
    esac
  done
done
cp -r "$cache/modules/net" "$cache/modules/lib" "$cache/modules/crypto" "$tree/modules/"
mkdir -p "$tree/modules/drivers/net"
cp "$cache"/modules/drivers/net/{veth,dummy,tun}.ko* "$tree/modules/drivers/net/"
if [ -d "$cache/modules/arch" ]; then cp -r "$cache/modules/arch" "$tree/modules/"; fi
find "$tree/modules" -name '*.xz' -exec xz -d {} +
(cd "$tree" && find . | cpio --quiet -o -H newc) >"$out"
