chapter 'To the hypervisors'

on front-end 'sudo -u oneadmin tproxy sync --dry-run'
shows '^hv1: program and configuration: ' 'it does not say what would change on hv1'
shows '^2 hosts looked at, nothing was changed$' 'the dry run has not looked at both hosts'
as_root hv1 '[ ! -e /var/tmp/one/vnm/tproxy.d ]' || fail 'the dry run has copied files'
on front-end 'sudo -u oneadmin tproxy sync'
for host in hv1 hv2; do shows "^$host: done\$" "the sync has not reached $host"; done
shows '^2 hosts done$' 'the sync has not reached both hosts'
for host in hv1 hv2; do
  on $host 'tproxy plan'
  shows '^nothing to do$' "there is something left to do on $host"
  exits=3 on $host 'tproxy status'
done
