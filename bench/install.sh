#!/usr/bin/env bash
# Installs what the benchmark calls, when it is missing. No package may start a service on this machine, now or at the
# next boot.
set -euo pipefail

declare -A package_of=(
  [nft]=nftables [ip]=iproute2 [unshare]=util-linux [nsenter]=util-linux [setpriv]=util-linux
  [iperf3]=iperf3 [wrk]=wrk [haproxy]=haproxy [nginx]=nginx-light [socat]=socat
)
missing=()
for command in "${!package_of[@]}"; do
  command -v "$command" >/dev/null || missing+=("${package_of[$command]}")
done
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing+=(libnginx-mod-stream)
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || { echo "bench: install ${missing[*]} first (no apt-get here)" >&2; exit 1; }
echo "bench: installing ${missing[*]}" >&2

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
lock=(-o DPkg::Lock::Timeout=120)
apt-get "${lock[@]}" update -qq >&2
apt-get "${lock[@]}" install -y -qq --no-install-recommends "${missing[@]}" >&2

for service in haproxy nginx; do
  case " ${missing[*]} " in
    *" $service"*) ! command -v systemctl >/dev/null || systemctl --quiet disable "$service" >&2 || true ;;
  esac
done
