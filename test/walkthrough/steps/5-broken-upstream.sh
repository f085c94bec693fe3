chapter 'An upstream breaks'

server_stop onegate
say '(OneGate was stopped.)'
exits=1 guest 7 'wget -q -O - http://169.254.16.9:5030/'
exits=1 on hv1 'tproxy doctor'
shows '^  FAILED +10\.11\.12\.13:5030 .*refused$' 'doctor does not name the upstream'
shows '→ nothing listens there: start the service on 10\.11\.12\.13' 'doctor does not say what to do'
shows '^  FAILED +br0 5030 +guests are reset: 10\.11\.12\.13:5030: refused$' 'doctor does not say what guests see of it'
[ "$(grep -c '^  FAILED ' <<<"$output")" = 2 ] || fail 'doctor finds fault with something else as well'
on hv1 'tproxy log --no-follow --outcome upstream-refused --guest 192.168.150.7'
shows '192\.168\.150\.7:[0-9]+ → 5030 → 10\.11\.12\.13:5030 .* upstream-refused$' 'the log does not have it'

server_start onegate web.mjs 10.11.12.13 5030 'Hello from OneGate'
say '(OneGate was started again.)'
on hv1 'tproxy doctor | tail -n 8'
shows ' 0 warnings, 0 failed, ' 'doctor is still not content'
guest 7 'wget -q -O - http://169.254.16.9:5030/'
shows '^Hello from OneGate$' 'VM 7 does not reach OneGate again'
