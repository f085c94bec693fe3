chapter 'An upgrade under traffic'

for id in 7 8; do
  guest $id 'while [ ! -e /enough ]; do wget -q -O - http://169.254.16.9:5030/ | grep -q OneGate || echo >>/lost; echo >>/asked; done &'
done
cp "$scratch"/newer/tproxy_*.deb "$work/front-end/root/root/"
for host in hv1 hv2; do cp "$scratch"/newer/tproxy-node_*.deb "$work/$host/root/root/"; done
newer=$(dpkg-deb --field "$scratch"/newer/tproxy_*.deb Version)
guest 7 'until [ -s /asked ]; do sleep 0.1; done; wc -l </asked'
asked=$output

only="$APT" on front-end "apt-get -yq install ./tproxy_${newer}_all.deb"
on front-end 'sudo -u oneadmin tproxy sync'
for host in hv1 hv2; do shows "^$host: restarted: new processes have taken over\$" "$host runs the old program"; done
for host in hv1 hv2; do only="$APT" on $host "apt-get -yq install ./tproxy-node_${newer}_all.deb"; done
on hv1 'tproxy --version; tproxy status -v'
shows "^$newer \\(" 'hv1 does not have the new version'
shows '^tproxy_old: [0-9]+  draining: finishes [1-9][0-9]* connections?, ' 'the old forwarder has not kept the open session'
guest 7 'talk after the upgrade; wc -l </asked'
shows '^after the upgrade$' 'the open session has not survived the upgrade'
[ "$(tail -n 1 <<<"$output")" -gt $((asked + 20)) ] || fail 'there was hardly any traffic during the upgrade'
for id in 7 8; do
  guest $id 'touch /enough; wait $!; echo "$(wc -l </asked) requests, $(cat /lost 2>/dev/null | wc -l) lost"'
  shows '^[0-9]+ requests, 0 lost$' 'requests were lost during the upgrade'
done
on hv1 'tproxy doctor | tail -n 1'
shows ' 0 warnings, 0 failed, ' 'doctor is not content after the upgrade'
