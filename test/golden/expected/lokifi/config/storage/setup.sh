#!/bin/sh
# Buckets, policies and access keys of the stack. Made from stack.yaml by create-stack.
# Run at each start; running it again changes nothing but the secret keys, which become those of the files under
# secrets/. Keys go to mc on its standard input, where no list of processes shows them.
set -eu

secret() { # name
  value=$(tr -d '\r\n' <"/run/secrets/$1")
  [ -n "$value" ] || { echo "the secret $1 is missing or empty" >&2; exit 1; }
  printf '%s\n' "$value"
}

bucket() { # name, versioning (true, false), what anybody may do without a key (download, none)
  mc --quiet mb --ignore-existing "stack/$1"
  state=$(mc --json version info "stack/$1")
  case "$2 $state" in
    "true "*) mc --quiet version enable "stack/$1" ;;
    *'"Enabled"'*) mc --quiet version suspend "stack/$1" ;;
  esac
  mc --quiet anonymous set "$3" "stack/$1"
}

access_key() { # access key, secret with its secret key, policy
  key=$(secret "$2")
  mc --quiet admin policy create stack "$1" "$3"
  printf '%s\n' "$1" "$key" | mc --quiet admin user add stack
  # Attaching a policy a second time is an error.
  case "$(mc --json admin user info stack "$1")" in
    *"\"policyName\":\"$1\""*) ;;
    *) mc --quiet admin policy attach stack "$1" --user "$1" ;;
  esac
}

user=$(secret storage_root_user)
password=$(secret storage_root_password)
if ! printf '%s\n' "$user" "$password" | mc --quiet alias set stack http://storage:9000 >/dev/null; then
  echo "storage refuses its root user; if its secrets were changed: docker compose restart storage" >&2
  exit 1
fi

bucket user-data false none
access_key storage-backend storage_backend /etc/minio/policy-backend.json

# Prometheus reads metrics and nothing else.
access_key stack_monitor storage_stack_monitor /etc/minio/policy-stack_monitor.json
