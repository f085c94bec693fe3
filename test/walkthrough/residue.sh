# What a machine has, to be compared: before the first package of ours came, and after the last one went.

# snapshot MACHINE FILE
snapshot() {
  {
    # Checksums where our packages and OpenNebula's put files; names everywhere else.
    as_root "$1" "find /etc /var/lib/one /var/tmp /usr/local -type f -exec sha256sum {} + | sed 's/^/file /'
      find / /run -xdev ! -type d -printf 'name %p\n'
      find /etc /usr /opt /var /run -xdev -type d -printf 'directory %p\n'
      dpkg-query -W -f='package \${Package} \${db:Status-Status}\n'
      getent passwd | sed 's/^/user /'; getent group | sed 's/^/group /'
      dpkg-divert --list | sed 's/^/diversion /'
      ip -o link | sed -E 's/^[0-9]+: ([^:@]+).*/link \1/'
      ip netns list | sed 's/^/netns /'
      ps -e -o args= | grep -v -e '^ps ' -e '^find ' -e '^sed ' -e '^bash -c cd' | sed 's/^/process /'"
    on_net "$1" nft list ruleset | sed 's/^/nft /'
  } | sort -u >"$2"
  # Two lists of nothing would be the same.
  local kind
  for kind in file name directory package user group link process; do
    grep -q "^$kind " "$2" || fail "$1 can't be looked at: no $kind"
  done
}

# What dpkg and apt keep for themselves, and what a login, a shell or a clock leaves.
BOOKKEEPING=' (/var/lib/(dpkg|apt)/|/var/cache/|/var/log/(apt|dpkg|alternatives|btmp|wtmp|lastlog)|/run/(sshd|sudo|utmp)|/etc/ld.so.cache|/var/lib/(wtmpdb|systemd))'
BOOKKEEPING+='|process (sleep|sshd|.*sshd-session|\[)|name /root/|(file|name) .*/etc/(group|gshadow|passwd|shadow)-$|/OpenNebulaNetwork.conf$|directory /run/netns$'

# residue_since FILE NOW: lines that came or went, less the bookkeeping of others
residue_since() {
  diff "$1" "$2" | grep '^[<>]' | grep -vE -- "$BOOKKEEPING" | sed 's/^</gone:/; s/^>/left:/'
}
