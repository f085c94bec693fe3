#!/bin/bash
# Packs the initramfs of the test VM: busybox, the modules of a virtio network card and an init script.
#
#   initramfs.sh CACHE INIT OUT      CACHE: where install.sh unpacked the kernel; INIT: script that becomes /init
set -euo pipefail

cache=$1 init=$2 out=$3
tree=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$tree"' EXIT

mkdir -p "$tree"/{bin,dev,proc,sys,modules}
cp /bin/busybox "$tree/bin/busybox"
# init has no input and output without it: devtmpfs is mounted later.
mknod "$tree/dev/console" c 5 1
install -m 755 "$init" "$tree/init"

# In the order in which they need each other. A kernel may have some of them built in, or lack the legacy one.
number=10
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net; do
  file=$(find "$cache/modules/" -name "$module.ko*" -print -quit)
  [ -n "$file" ] || continue
  case $file in
    *.ko) cp "$file" "$tree/modules/$number-$module.ko" ;;
    *.ko.xz) xz -dc "$file" >"$tree/modules/$number-$module.ko" ;;
    *) echo "initramfs.sh: $file is compressed in a way not known here" >&2 && exit 1 ;;
  esac
  number=$((number + 1))
done

(cd "$tree" && find . | cpio --quiet -o -H newc) >"$out"
