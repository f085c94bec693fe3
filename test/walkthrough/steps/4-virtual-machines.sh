chapter 'A virtual machine on each hypervisor'

opennebula_drives hv1 7 br0 pre
shows 'br0: 169.254.16.9 answers on port' 'the hook does not say that the services are there'
vm_start 7 hv1 br0 192.168.150.7/24
opennebula_drives hv2 8 br0 pre
vm_start 8 hv2 br0 192.168.150.8/24

say 'QEMU has booted them (emulated; it runs outside of the machines, on a tap of their bridges).'
guest 7 'ip route'
exits=1 guest 7 'wget -q -O - http://10.11.12.13:5030/'
shows 'unreachable' 'the guest has a way to the backbone of its own'
for id in 7 8; do
  guest $id 'wget -q -O - http://169.254.16.9:5030/'
  shows '^Hello from OneGate$' "VM $id does not reach OneGate"
done
on hv1 'tproxy status -v'
shows '^br0 +private +5030 +10\.11\.12\.13:5030 +listening +[0-9]+ +[1-9]' 'the connection is not in the table'

say 'And a session that stays open, as of somebody at a shell: what VM 7 says comes back.'
guest 7 'open_session 2222; talk at the beginning'
shows '^at the beginning$' 'the session does not answer'
