chapter 'The configuration, with two mistakes'

conf=/var/lib/one/remotes/etc/vnm/OpenNebulaNetwork.conf
on front-end "cat >>$conf <<'END'
:tproxy:
# OneGate
- :service_port: 5030
  :remote_adr: 10.11.12.13
  :remote_port: 5030
# A shell on the jump host
- :service_port: 222222
  :remote_addr: 10.11.12.14
  :remote_port: 22
END"

exits=2 on front-end 'sudo -u oneadmin tproxy sync'
printf '%s\n' "$output" >"$work/refused"
shows 'error: unknown key ":remote_adr:" .*did you mean :remote_addr:\?' 'the misspelt key is not named'
shows 'error: :service_port: of entry 2 is "222222", .* from 1 to 65535' 'the impossible port is not named'
shows 'nothing was changed on any host' 'it does not say that nothing was changed'
on hv1 'ls /var/tmp/one/vnm'
lacks '^tproxy.d$' 'the sync has copied files in spite of the mistakes'

say 'Corrected from the messages alone: they name the line, and what may stand there.'
misspelt=$(sed -nE 's/^[^:]*:([0-9]+):.*unknown key "([^"]*)".*did you mean ([^?]*)\?$/\1s\/\2\/\3\//p' <"$work/refused")
impossible=$(sed -nE 's/^[^:]*:([0-9]+):.*:service_port: of entry 2 is "([0-9]+)".*/\1s\/\2\/2222\//p' <"$work/refused")
on front-end "sed -i -e '$misspelt' -e '$impossible' $conf"
on front-end 'tproxy check'
shows ': ok, 2 services$' 'the configuration is still not in order'
