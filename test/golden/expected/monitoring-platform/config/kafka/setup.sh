#!/bin/bash
# Users, rights and topics of kafka. Made from stack.yaml by create-stack.
# Run at each start. What was done is noted in the volume, beside the data that it belongs to, and only what is new or
# different is done again: each command takes seconds. To have everything said once more: remove the note and start.
# Topics are looked at each time; none is ever removed, made smaller, or made to forget records sooner.
set -eu
umask 077

note=/var/lib/kafka/data/stack-setup
settings=/usr/local/etc/kafka

tool() { bash "$settings/tool.sh" "$@"; }
secret() { tr -d '\r\n' <"/run/secrets/$1"; }

bash "$settings/ask.sh" login kafka

# The first time there is much to do: each command after the first takes half as long with what that one leaves.
[ -s "$note" ] || export FURTHER_JAVA_OPTIONS='-XX:SharedArchiveFile=/tmp/commands.jsa -XX:+AutoCreateSharedArchive'
touch "$note"
wanted=()
done_before() { grep -qxF -- "$1" "$note"; }
write_down() { printf '%s\n' "$1" >>"$note"; }
cross_out() { # LINE
  grep -vxF -- "$1" "$note" >"$note.new" || true
  mv "$note.new" "$note"
}

# The password goes through a file that only this container sees, and is no argument.
user() { # NAME, SECRET
  local password line
  password=$(secret "$2")
  [ -n "$password" ] || { echo "the secret $2 is missing or empty" >&2; exit 1; }
  line="user $1 $( (secret kafka_stack_admin; printf '\n%s\n%s' "$1" "$password") | sha256sum | cut -d ' ' -f 1)"
  wanted+=("$line")
  done_before "$line" && return
  printf 'SCRAM-SHA-512=password=%s\n' "${password//\\/\\\\}" >/tmp/credential
  tool configs --alter --entity-type users --entity-name "$1" --add-config-file /tmp/credential
  rm /tmp/credential
  write_down "$line"
}

rights() { # add or remove, USER, PATTERN, OPERATIONS, RESOURCES…
  local change=$1 name=$2 pattern=$3 operation operations words=()
  IFS=' ' read -r -a operations <<<"$4"
  for operation in "${operations[@]}"; do words+=(--operation "$operation"); done
  [ "$change" = add ] || words+=(--force)
  shift 4
  tool acls "--$change" --allow-principal "User:$name" "${words[@]}" --resource-pattern-type "$pattern" "$@" >/dev/null
}

# A line holds what rights() needs, with tabs between.
rule() { # USER, PATTERN, OPERATIONS, RESOURCES…
  local line
  line=$(IFS=$'\t'; echo "rule"$'\t'"$*")
  wanted+=("$line")
  done_before "$line" && return
  rights add "$@"
  write_down "$line"
}

user attendance-service kafka_attendance-service
user notification-service kafka_notification-service
user stack_monitor kafka_stack_monitor
rule attendance-service literal 'Read Write Describe DescribeConfigs' --topic attendance
rule attendance-service prefixed 'All' --topic attendance-service. --group attendance-service. --transactional-id attendance-service.
rule attendance-service literal 'All' --group attendance-service --transactional-id attendance-service
rule notification-service literal 'Read Write Describe DescribeConfigs' --topic attendance
rule notification-service prefixed 'All' --topic notification-service. --group notification-service. --transactional-id notification-service.
rule notification-service literal 'All' --group notification-service --transactional-id notification-service
rule stack_monitor literal 'Describe' --topic '*' --group '*' --cluster
rule stack_monitor literal 'DescribeConfigs' --topic '*'
rule stack_monitor prefixed 'All' --topic stack_monitor. --group stack_monitor.

# What stack.yaml does not say any more.
while IFS= read -r line; do
  for one in "${wanted[@]}"; do [ "$one" != "$line" ] || continue 2; done
  case "$line" in
    "rule"*)
      IFS=$'\t' read -r -a words <<<"$line"
      rights remove "${words[@]:1}"
      ;;
    "user "*)
      name=${line#user }
      name=${name%% *}
      case " ${wanted[*]} " in
        *" user $name "*) ;;
        *) tool configs --alter --entity-type users --entity-name "$name" --delete-config SCRAM-SHA-512 ;;
      esac
      ;;
  esac
  cross_out "$line"
done < <(cat "$note")

described=$(tool topics --describe --exclude-internal | grep '^Topic: .*PartitionCount:' || true)

setting() { # LINE, NAME
  printf '%s' "$1" | tr ',\t ' '\n' | sed -n "s/^$2=//p" | head -n 1
}

topic() { # NAME, PARTITIONS, NAME=VALUE…
  local name=$1 partitions=$2 line found pair is now changes=()
  shift 2
  line=$(printf '%s\n' "$described" | awk -F '\t' -v name="Topic: $name" '$1 == name')
  if [ -z "$line" ]; then
    tool topics --create --if-not-exists --topic "$name" --partitions "$partitions" $(printf -- '--config %s ' "$@")
    return
  fi
  found=$(printf '%s' "$line" | sed -n 's/.*PartitionCount: *\([0-9]*\).*/\1/p')
  if [ "$found" -lt "$partitions" ]; then
    tool topics --alter --topic "$name" --partitions "$partitions"
  elif [ "$found" -gt "$partitions" ]; then
    echo "note: $name has $found partitions, not $partitions: they can only grow"
  fi
  for pair in "$@"; do
    is=${pair%%=*}
    now=$(setting "$line" "$is")
    [ "$now" != "${pair#*=}" ] || continue
    case "$is" in
      retention.*)
        # -1 is for ever.
        if [ -n "$now" ] && { [ "$now" = -1 ] || [ "$now" -gt "${pair#*=}" ]; }; then
          echo "note: $name keeps $is=$now, which is more than stack.yaml says; to let records go: ./prod.sh kafka-configs --alter --entity-type topics --entity-name $name --add-config $pair"
          continue
        fi
        ;;
      cleanup.policy)
        echo "note: $name has $is=$now and not ${pair#*=}; to change it: ./prod.sh kafka-configs --alter --entity-type topics --entity-name $name --add-config $pair"
        continue
        ;;
    esac
    changes+=("$pair")
  done
  [ "${#changes[@]}" = 0 ] || tool configs --alter --entity-type topics --entity-name "$name" --add-config "$(IFS=,; echo "${changes[*]}")"
}

topic attendance 3 cleanup.policy=delete retention.ms=604800000 retention.bytes=268435456 segment.bytes=89478485
topic stack_monitor.probe 1 cleanup.policy=delete retention.ms=600000 retention.bytes=3145728 segment.bytes=1048576
