#!/bin/bash
# Makes the machines' common root: a minimal Debian 13, whose Node.js is new enough, with what a machine of OpenNebula has anyway
# (ssh, sudo, iproute2); and beside it an archive of the packages that apt may then ask for, since the machines have no internet.
#
#   base.sh CACHE      CACHE/debian, CACHE/archive; what is there already stays
set -euo pipefail

cache=$1
suite=trixie
present=openssh-server,openssh-client,sudo,iproute2,iputils-ping,procps,logrotate
wanted='nodejs nftables'
stamp="$suite $present $wanted"

[ "$(cat "$cache/complete" 2>/dev/null)" != "$stamp" ] || exit 0
echo "making a Debian root for the machines of the walk ($suite, about 200 MB in .cache; once)"
rm -rf "$cache"
mkdir -p "$cache"

# The mirror that this machine uses, where apt knows it.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
fetch="chroot \"\$1\" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o APT::Keep-Downloaded-Packages=true install --download-only $wanted"
unshare --mount --propagation private mmdebstrap --quiet --mode=root --variant=minbase --include="$present" \
  --customize-hook="$fetch" --customize-hook="mkdir $cache/archive; cp \"\$1\"/var/cache/apt/archives/*.deb $cache/archive/" \
  "$suite" "$cache/debian" ${mirror:+"$mirror"} >"$cache/debian.log" 2>&1 || {
  tail -n 30 "$cache/debian.log" >&2
  echo "mmdebstrap could not make a Debian root (output: $cache/debian.log)" >&2
  exit 1
}

# An archive as apt reads it.
cd "$cache/archive"
for deb in *.deb; do
  dpkg-deb --field "$deb"
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum <"$deb" | cut -d' ' -f1)"
done >Packages
rm -f "$cache"/debian/etc/apt/sources.list "$cache"/debian/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] copy:/srv/archive ./' >"$cache/debian/etc/apt/sources.list"
printf '%s\n' "$stamp" >"$cache/complete"
