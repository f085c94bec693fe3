# OpenNebula on the machines, as far as it matters here: packages with stand-ins (front-end/, node/), the user oneadmin, its keys.

# opennebula_install MACHINE front-end|node
opennebula_install() {
  local machine=$1 which=$2 tree=$work/one-$1
  local name=opennebula${which#front-end}
  name=${name/node/-node}
  cp -a "$here/opennebula/$which" "$tree"
  chown -R root: "$tree"
  mkdir "$tree/DEBIAN"
  printf '%s\n' "Package: $name" 'Version: 6.10.0' 'Architecture: all' 'Maintainer: nobody <nobody@localhost>' \
    'Depends: openssh-client, sudo' 'Description: stand-in for OpenNebula' >"$tree/DEBIAN/control"
  (cd "$tree" && find etc var -name '*.conf' -o -path etc/sudoers.d/opennebula | sed 's,^,/,') 2>/dev/null >"$tree/DEBIAN/conffiles" || true
  cat >"$tree/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
set -e
getent group oneadmin >/dev/null || groupadd --gid 9869 oneadmin
getent passwd oneadmin >/dev/null || useradd --uid 9869 --gid oneadmin --home-dir /var/lib/one --shell /bin/bash oneadmin
# No password, and not locked for keys.
usermod --password '*' oneadmin
mkdir -p /var/lib/one/.ssh
chown -R oneadmin: /var/lib/one
chmod 700 /var/lib/one/.ssh
POSTINST
  chmod 755 "$tree/DEBIAN/postinst"
  chmod 440 "$tree"/etc/sudoers.d/* 2>/dev/null || true
  dpkg-deb --root-owner-group --build "$tree" "$work/$machine/root/root/$name.deb" >/dev/null
  as_root "$machine" "dpkg -i $name.deb >/dev/null && rm $name.deb" || fail "OpenNebula's stand-in does not install on $machine"
}

# opennebula_keys FRONT-END HOST…: oneadmin of the front-end may log in to the hosts, and knows them
opennebula_keys() {
  local front=$1 host
  shift
  as_root "$front" 'sudo -u oneadmin ssh-keygen -q -t ed25519 -N "" -f /var/lib/one/.ssh/id_ed25519'
  for host; do
    as_root "$front" 'cat /var/lib/one/.ssh/id_ed25519.pub' | as_root "$host" 'cat >/var/lib/one/.ssh/authorized_keys; chown oneadmin: /var/lib/one/.ssh/*'
    as_root "$front" "ssh-keyscan -q -t ed25519 $host | grep -v '^#' >>/var/lib/one/.ssh/known_hosts"
  done
  as_root "$front" 'chown oneadmin: /var/lib/one/.ssh/*'
}

# opennebula_template ID BRIDGE: what OpenNebula hands its drivers for a VM with a NIC
opennebula_template() {
  base64 -w 0 <<XML
<VM><ID>$1</ID><NAME>guest-$1</NAME><DEPLOY_ID>one-$1</DEPLOY_ID><TEMPLATE><CONTEXT><NETWORK><![CDATA[YES]]></NETWORK>\
<ONEGATE_ENDPOINT><![CDATA[http://169.254.16.9:5030]]></ONEGATE_ENDPOINT></CONTEXT>\
<NIC><BRIDGE><![CDATA[$2]]></BRIDGE><BRIDGE_TYPE><![CDATA[linux]]></BRIDGE_TYPE><IP><![CDATA[192.168.150.$1]]></IP>\
<MAC><![CDATA[02:00:c0:a8:96:0$1]]></MAC><NAME><![CDATA[NIC0]]></NAME><NETWORK><![CDATA[private]]></NETWORK>\
<NETWORK_ID><![CDATA[0]]></NETWORK_ID><NIC_ID><![CDATA[0]]></NIC_ID><TARGET><![CDATA[one-$1-0]]></TARGET>\
<VN_MAD><![CDATA[bridge]]></VN_MAD></NIC><VMID><![CDATA[$1]]></VMID></TEMPLATE></VM>
XML
}

# opennebula_drives HOST ID BRIDGE pre|clean: what oned does, from the front-end over ssh
opennebula_drives() {
  local host=$1 id=$2 bridge=$3 phase=$4
  printf 'front-end: OpenNebula runs %s:/var/tmp/one/vnm/bridge/%s for VM %s\n' "$host" "$phase" "$id"
  status=0
  opennebula_template "$id" "$bridge" |
    as_root front-end "sudo -u oneadmin ssh $host /var/tmp/one/vnm/bridge/$phase one-$id" >"$work/output" 2>&1 || status=$?
  output=$(cat "$work/output")
  print_output
  [ "$status" = 0 ] || fail "the network driver failed for VM $id on $host"
}
