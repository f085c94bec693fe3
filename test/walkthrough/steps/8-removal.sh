chapter 'Removal'

for vm in '7 hv1' '8 hv2'; do
  read -r id host <<<"$vm"
  vm_stop "$id" "$host"
  opennebula_drives "$host" "$id" br0 clean
  exits=3 on "$host" 'tproxy status'
done
on hv1 'tproxy doctor | tail -n 1'
shows ' 0 warnings, 0 failed, ' 'doctor is not content when the guests have gone'

for host in hv1 hv2; do
  only="$APT" on $host 'apt-get -yq purge tproxy-node'
  only="$APT" on $host 'apt-get -yq autoremove --purge'
done
only="$APT" on front-end 'apt-get -yq purge tproxy'
only="$APT" on front-end 'apt-get -yq autoremove --purge'
on front-end 'sudo -u oneadmin onehost sync -f'

say 'What is on the machines now, compared with what was there before the first package: files (those of OpenNebula and of /etc
byte for byte), directories, users, packages, diversions, links, namespaces, nft, processes.'
for machine in front-end hv1 hv2; do
  snapshot "$machine" "$work/after-$machine"
  rest=$(residue_since "$work/before-$machine" "$work/after-$machine" || true)
  [ -z "$rest" ] || fail "on $machine it is not as it was:"$'\n'"$rest"
  printf '%s: nothing is left but OpenNebulaNetwork.conf, which is the operator'"'"'s\n' "$machine"
done
