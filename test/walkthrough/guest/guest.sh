# Virtual machines: Debian's kernel and busybox in QEMU (emulated, no KVM), on a tap of a hypervisor's bridge.

declare -A vm_in vm_out vm_pid

# vm_start ID MACHINE BRIDGE ADDRESS/BITS: what libvirt does after the network driver
vm_start() {
  local id=$1 machine=$2 bridge=$3 address=$4 at=$work/vm-$1 program model console
  case $(uname -m) in
    x86_64) program=qemu-system-x86_64 model=pc console=ttyS0 ;;
    aarch64) program=qemu-system-aarch64 model=virt console=ttyAMA0 ;;
    *) fail "no virtual machine for $(uname -m)" ;;
  esac
  [ -e "$work/initramfs" ] || bash "$here/../support/vm/initramfs.sh" "$cache/../vm" "$here/guest/init" "$work/initramfs"
  mkfifo "$at.in" "$at.out"
  exec {vm_in[$id]}<>"$at.in" {vm_out[$id]}<>"$at.out"
  on_net "$machine" ip tuntap add dev "one-$id-0" mode tap
  on_net "$machine" ip link set "one-$id-0" master "$bridge" up
  on_net "$machine" "$program" -machine $model -cpu max -accel tcg -m 192 -no-reboot -nodefaults -display none \
    -chardev "pipe,id=console,path=$at" -serial chardev:console \
    -kernel "$cache/../vm/vmlinuz" -initrd "$work/initramfs" -append "console=$console quiet panic=-1 guest.ip=$address" \
    -netdev "tap,id=net0,ifname=one-$id-0,script=no,downscript=no" -device virtio-net-pci,netdev=net0,romfile= \
    >"$at.log" 2>&1 &
  vm_pid[$id]=$!
  vm_read "$id" VM-READY 90 || fail "VM $id does not boot: $(cat "$at.log"; printf %s "$output")"
}

# vm_read ID WORD SECONDS: what comes from the console up to a line that begins with the word, in `output`; the line in `line`
vm_read() {
  local id=$1 word=$2 until=$((SECONDS + $3))
  output=
  while [ $SECONDS -lt $until ]; do
    IFS= read -r -t 5 -u "${vm_out[$id]}" line || continue
    line=${line%$'\r'}
    if [[ $line == "$word"* ]]; then return 0; fi
    output+=$line$'\n'
  done
  return 1
}

# vm_do ID COMMAND: in the guest, unseen; `output`, `status`
vm_do() {
  printf '%s\n' "$2" >&"${vm_in[$1]}"
  vm_read "$1" VM-STATUS "${seconds:-60}" || fail "VM $1 does not answer to: $2"
  status=${line#VM-STATUS } output=$(printf '%s' "${output%$'\n'}")
}

# guest ID COMMAND: what somebody types in the guest
guest() {
  printf 'vm-%s# %s\n' "$1" "$2"
  vm_do "$1" "$2"
  print_output
  [ "$status" = "${exits:-0}" ] || fail "exit status $status, not ${exits:-0}, in VM $1 of: $2"
}

# vm_stop ID MACHINE: the VM is shut down, and its tap goes
vm_stop() {
  printf 'poweroff -f\n' >&"${vm_in[$1]}"
  within 30 vm_gone "$1" || fail "VM $1 does not power off"
  on_net "$2" ip link delete "one-$1-0"
}
vm_gone() { ! kill -0 "${vm_pid[$1]}" 2>/dev/null; }
