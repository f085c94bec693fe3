# What the walk prints, and how it judges. `output` and `status` are those of the last command.

output='' status=0 chapter='the beginning' number=0
begin=$SECONDS

chapter() {
  number=$((number + 1))
  chapter=$*
  printf '\n%s\n%s\n\n' "$number. $chapter" "$(printf '%*s' $((${#chapter} + ${#number} + 2)) '' | tr ' ' =)"
}

say() {
  printf '%s\n' "${*//$'\n'/ }" | fold -s -w 100 | sed 's/ *$//; s/^/   | /'
}

# fail SENTENCE: ends the walk; on_exit tells why, below everything else
fail() {
  failure=$*
  exit 1
}

on_exit() {
  [ "$1" != 0 ] || return 0
  printf '\nLast words of the daemons:\n'
  tail -qn 3 "$work"/hv*/root/var/log/one_tproxy*.log 2>/dev/null || true
  printf '\nThe walk failed in chapter %s, "%s": %s\n' "$number" "$chapter" "${failure:-$BASH_COMMAND}"
} >&2

# Of much output (apt's) the lines that match `only` are shown, where it is set.
print_output() {
  [ -n "$output" ] || return 0
  if [ -z "${only-}" ]; then
    printf '%s\n' "$output"
  else
    awk -v only="$only" '$0 ~ only { if (left) print "…"; left = 0; print; next } { left = 1 } END { if (left) print "…" }' <<<"$output"
  fi
}

# on MACHINE COMMAND: what the administrator types as root. Anything but exit status 0 (or that of `exits`) ends the walk.
on() {
  local machine=$1 command=$2 want=${exits:-0}
  printf '%s# %s\n' "$machine" "$command"
  status=0
  # To a file and not through a pipe: daemons that a command leaves behind may keep it open.
  as_root "$machine" "$command" </dev/null >"$work/output" 2>&1 || status=$?
  output=$(tr -d '\r' <"$work/output")
  print_output
  [ "$status" = "$want" ] || fail "exit status $status, not $want, of: $command"
  [ "$want" = 0 ] || printf '(exit status %s)\n' "$status"
}

# shows ERE SENTENCE: the last output has a line that matches; else the walk ends with the sentence.
shows() { grep -qE -- "$1" <<<"$output" || fail "$2 (no line matches $1)"; }
# lacks ERE SENTENCE: no line of it does
lacks() { ! grep -qE -- "$1" <<<"$output" || fail "$2 (a line matches $1: $(grep -m 1 -E -- "$1" <<<"$output"))"; }

# within SECONDS COMMAND…: waits until a command succeeds
within() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $until ] || return 1
    sleep 0.1
  done
}
