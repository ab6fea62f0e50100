#!/bin/bash
# Asks kafka in Kafka's own protocol, with nothing but bash. Made from stack.yaml by create-stack.
#   ask.sh login [host]   may the administrator log in?
#   ask.sh health         does the broker take part, and answer?
#   ask.sh inspect        topics, partitions and who is behind, as JSON for status
# All numbers of the protocol are big-endian: https://kafka.apache.org/protocol
set -eu
export LC_ALL=C

fail() { echo "$*" >&2; exit 1; }

# ---- writing: every value is text of hexadecimal digits ----

i16() { printf '%04x' "$(($1 & 0xffff))"; }
i32() { printf '%08x' "$(($1 & 0xffffffff))"; }
hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'; }
string() { i16 "${#1}"; hex "$1"; }

# ask NUMBER-OF-API VERSION BODY: sends a request and reads its answer into `answer`, one number for each byte.
ask() {
  local request size
  request=$(i16 "$1")$(i16 "$2")00000001$(string stack)$3
  printf '%b' "$(printf '%s' "$(i32 "$((${#request} / 2))")$request" | sed 's/../\\x&/g')" >&3
  # One byte at a time: a larger block may come in pieces.
  read -r -a size < <(dd bs=1 count=4 <&3 2>/dev/null | od -An -v -tu1) || fail 'it closed the connection'
  [ "${#size[@]}" = 4 ] || fail 'it closed the connection'
  read -r -d '' -a answer < <(dd bs=1 count="$((size[0] << 24 | size[1] << 16 | size[2] << 8 | size[3]))" <&3 2>/dev/null | od -An -v -tu1) || true
  at=4
}

# ---- reading: each takes what comes next out of `answer` and leaves it in `value` ----

number() { # BYTES
  local count
  value=0
  for ((count = 0; count < $1; count++)); do value=$((value << 8 | answer[at++])); done
  case "$1" in
    2) [ "$value" -lt 32768 ] || value=$((value - 65536)) ;;
    4) [ "$value" -lt 2147483648 ] || value=$((value - 4294967296)) ;;
  esac
}
text() {
  local count length byte
  number 2
  length=$value
  value=
  for ((count = 0; count < length; count++)); do
    printf -v byte '\\x%02x' "${answer[at++]}"
    value+=$byte
  done
  printf -v value '%b' "$value"
}

# ---- questions ----

login() { # HOST
  local password secret
  { exec 3<>"/dev/tcp/$1/9093"; } 2>/dev/null || fail "kafka does not listen"
  password=$(tr -d '\r\n' </run/secrets/kafka_stack_admin)
  ask 17 1 "$(string PLAIN)"
  number 2
  [ "$value" = 0 ] || fail "kafka does not take PLAIN from its administrator (error $value)"
  secret=00$(hex stack_admin)00$(hex "$password")
  ask 36 0 "$(i32 "$((${#secret} / 2))")$secret"
  number 2
  [ "$value" = 0 ] || fail "kafka refuses its administrator; if secrets/kafka_stack_admin was changed: docker compose restart kafka"
}

# Answers as far as the number of topics. -1 asks for all of them, 0 for none.
metadata() { # TOPICS
  local count brokers
  ask 3 1 "$(i32 "$1")"
  number 4
  brokers=$value
  for ((count = 0; count < brokers; count++)); do
    number 4
    text
    number 4
    text
  done
  # The controller knows no broker that has stopped to answer it.
  [ "$brokers" -gt 0 ] || fail "kafka runs and takes no part: its controller does not count it in"
  number 4
}

topics() {
  local count partitions leader replicas skip
  metadata -1
  number 4
  topics_found=0 partitions_found=0 offline=0 short=0
  for ((count = value; count > 0; count--)); do
    number 2
    text
    case "$value" in __*) ;; *) topics_found=$((topics_found + 1)) ;; esac
    number 1
    number 4
    for ((partitions = value; partitions > 0; partitions--)); do
      partitions_found=$((partitions_found + 1))
      number 2
      number 4
      number 4
      leader=$value
      [ "$leader" -ge 0 ] || offline=$((offline + 1))
      number 4
      replicas=$value
      for ((skip = replicas; skip > 0; skip--)); do number 4; done
      number 4
      [ "$value" -ge "$replicas" ] || short=$((short + 1))
      for ((skip = value; skip > 0; skip--)); do number 4; done
    done
  done
}

# Offsets of one group, as far as it has committed any: names of partitions into `committed`.
offsets_of() { # GROUP
  local topics partitions topic partition
  committed=()
  ask 9 2 "$(string "$1")ffffffff"
  number 4
  for ((topics = value; topics > 0; topics--)); do
    text
    topic=$value
    number 4
    for ((partitions = value; partitions > 0; partitions--)); do
      number 4
      partition=$value
      number 8
      if [ "$value" -ge 0 ]; then committed["$topic $partition"]=$value; fi
      text
      number 2
    done
  done
}

# Where each of these partitions ends: into `ends`.
ends_of() { # "TOPIC PARTITION"…
  local one body='' topics partitions topic partition
  for one in "$@"; do body+=$(string "${one% *}")00000001$(i32 "${one#* }")ffffffffffffffff; done
  ask 2 1 "ffffffff$(i32 $#)$body"
  number 4
  for ((topics = value; topics > 0; topics--)); do
    text
    topic=$value
    number 4
    for ((partitions = value; partitions > 0; partitions--)); do
      number 4
      partition=$value
      number 2
      number 8
      number 8
      ends["$topic $partition"]=$value
    done
  done
}

# "web 12 behind, …" of the groups that have committed something, into `behind`.
lags() {
  local groups=() group count one lag
  declare -gA committed=() ends=()
  behind=
  ask 16 0 ''
  number 2
  number 4
  for ((count = value; count > 0; count--)); do
    text
    groups+=("$value")
    text
  done
  for group in "${groups[@]}"; do
    case "$group" in stack_monitor.*) continue ;; esac
    offsets_of "$group"
    [ "${#committed[@]}" -gt 0 ] || continue
    ends_of "${!committed[@]}"
    lag=0
    for one in "${!committed[@]}"; do
      if [ "${ends[$one]:--1}" -gt "${committed[$one]}" ]; then lag=$((lag + ends[$one] - committed[$one])); fi
    done
    behind+="${behind:+, }$group $lag"
  done
}

json() { printf '"%s"' "$(printf '%s' "$1" | tr '\000-\037' '?' | sed 's/[\\"]/\\&/g')"; }

case "$1" in
  login) login "${2:-127.0.0.1}" ;;
  health)
    login 127.0.0.1
    metadata 0
    ;;
  inspect)
    login 127.0.0.1
    topics
    lags
    printf '{"facts": {"topics": "%d", "partitions": "%d"' "$topics_found" "$partitions_found"
    [ -z "$behind" ] || printf ', "records not read yet": %s' "$(json "$behind")"
    printf '}'
    if [ "$offline" -gt 0 ]; then
      printf ', "problems": [{"message": "%d partitions of kafka cannot be read or written", "hint": "./prod.sh logs kafka"}]' "$offline"
    elif [ "$short" -gt 0 ]; then
      printf ', "problems": [{"message": "%d partitions of kafka lack copies that they should have", "hint": "./prod.sh kafka-topics --describe --under-replicated-partitions"}]' "$short"
    fi
    printf '}\n'
    ;;
esac
