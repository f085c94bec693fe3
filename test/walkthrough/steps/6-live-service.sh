chapter 'One more service, live'

exits=1 guest 7 'wget -q -O - http://169.254.16.9:3142/'
on front-end "cat >>$conf <<'END'
# Debian mirror
- :service_port: 3142
  :remote_addr: mirror.example.org
  :remote_port: 80
END"
on front-end 'sudo -u oneadmin tproxy sync'
shows '^hv1: br0: change endpoints of br0: \+3142 to 10\.11\.12\.14:80$' 'it does not say what has changed on hv1'
shows '^2 hosts done$' 'the sync has not reached both hosts'
for id in 7 8; do
  guest $id 'wget -q -O - http://169.254.16.9:3142/'
  shows '^Hello from the mirror$' "VM $id does not have the new service"
done
guest 7 'talk after the change'
shows '^after the change$' 'the open session has not survived'
