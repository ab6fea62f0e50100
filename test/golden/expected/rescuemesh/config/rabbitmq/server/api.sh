# The management API of rabbitmq, for the other scripts. Made from stack.yaml by create-stack.
# A request costs next to nothing; rabbitmqctl starts an Erlang machine for each.

# api METHOD PATH [BODY]: asks rabbitmq at $host as $user, whose password stands in the secret $password.
# Sets $status (200 …) and $answer; fails where nobody answers.
api() {
  local body=${3-} line login
  local LC_ALL=C
  status='' answer=''
  { exec 3<>"/dev/tcp/$host/15672"; } 2>/dev/null || return 1
  login=$(printf '%s:%s' "$user" "$(tr -d '\r\n' <"/run/secrets/$password")" | base64 --wrap=0)
  printf '%s /api/%s HTTP/1.0\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
    "$1" "$2" "$host" "$login" "${#body}" "$body" >&3
  IFS= read -r line <&3 || { exec 3>&-; return 1; }
  status=${line#* }
  status=${status%% *}
  while IFS= read -r line <&3 && [ "$line" != $'\r' ]; do :; done
  answer=$(cat <&3)
  exec 3>&-
}

# objects: the objects of the array in $answer, one a line. Only for flat ones whose texts hold no braces.
objects() { printf '%s\n' "$answer" | tr -d '\n' | sed 's/},{/}\n{/g'; echo; }

# text NAME, number NAME: a field of the object on standard input, as it stands in JSON.
text() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
number() { sed -n "s/.*\"$1\":\(-\{0,1\}[0-9.]*\).*/\1/p"; }
