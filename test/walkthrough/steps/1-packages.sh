chapter 'The packages'

say "Three machines with Debian 13 and OpenNebula (a stand-in: user, keys, sudoers, the bridge driver, onehost), and nothing of
tproxy. The packages that npm run package has made were copied to /root. README.md, 'Install beside a running OpenNebula':"
for machine in front-end hv1 hv2; do snapshot "$machine" "$work/before-$machine"; done

# Of what apt says.
APT='^(Setting up|Removing|Purging configuration files for) (tproxy|tproxy-node|nodejs|nftables) |^tproxy-node: '
# Their lists are empty; the archive that they name is the site's own.
for machine in front-end hv1 hv2; do as_root "$machine" 'apt-get -qq update' >/dev/null 2>&1 || fail "apt-get update fails on $machine"; done
exits=127 on front-end 'node --version'
only="$APT" on front-end 'apt-get -yq install ./tproxy_*_all.deb'
shows '^Setting up tproxy \(' 'apt has not installed tproxy'
shows '^Setting up nodejs \(' 'apt has not installed the Node.js that tproxy needs'
on front-end 'tproxy --version'
shows '^0\.[0-9.]+ \(.+\)$' 'tproxy --version tells no version and commit'
on front-end 'ls /var/lib/one/remotes/vnm'
shows '^tproxy\.stock$' "OpenNebula's own executable was not put aside"

for host in hv1 hv2; do
  only="$APT" on $host 'apt-get -yq install ./tproxy-node_*_all.deb'
  shows '^Setting up tproxy-node \(' 'apt has not installed tproxy-node'
  for package in nftables nodejs; do shows "^Setting up $package \\(" "apt has not installed the $package that tproxy needs"; done
  on $host 'visudo -c'
  shows '^/etc/sudoers.d/one-tproxy: parsed OK$' 'sudo does not read the rules of tproxy-node'
done
