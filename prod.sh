#!/bin/sh
# The door to this stack: ./prod.sh start | status | logs | migrate | ...    ./prod.sh --help lists everything.
# It finds Node.js and hands over to .stack/create-stack.mjs, the program that made the stack.
set -eu

say() { printf '%s\n' "$*" >&2; }

# The folder of this file, also when it was called through a symbolic link.
own_folder() {
  file=$1
  while [ -L "$file" ]; do
    target=$(readlink "$file")
    case $target in
      /*) file=$target ;;
      *) file=$(dirname "$file")/$target ;;
    esac
  done
  CDPATH='' cd -- "$(dirname "$file")" && pwd -P
}

# True for Node.js 20.19 or newer.
new_enough() {
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  major=${version%%.*}
  rest=${version#*.}
  minor=${rest%%.*}
  [ "$major" -gt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; }
}

# Sets node to a Node.js that is new enough. Services and cron often know less of PATH than a login shell does.
find_node() {
  found=''
  for node in "$(command -v node || true)" "$(command -v nodejs || true)" /usr/local/bin/node /usr/bin/node \
    /opt/homebrew/bin/node /opt/node/bin/node; do
    if [ -z "$node" ] || [ ! -x "$node" ]; then continue; fi
    if new_enough "$node"; then return 0; fi
    found="$node is version $version"
  done
  if [ -n "$found" ]; then
    say "Node.js 20.19 or newer is needed; $found."
  else
    say "Node.js 20.19 or newer is needed, and there is none on this machine."
  fi
  say "Install it: $(how_to_install)"
  exit 2
}

how_to_install() {
  system=$(uname -s)
  id=''
  # shellcheck disable=SC1091
  if [ -r /etc/os-release ]; then id=$(. /etc/os-release && printf '%s %s' "${ID:-}" "${ID_LIKE:-}"); fi
  case "$system $id" in
    Darwin*) printf 'brew install node@22, or https://nodejs.org/en/download' ;;
    *debian* | *ubuntu*) printf 'curl -fsSL https://deb.nodesource.com/setup_22.x | sudo bash - && sudo apt-get install -y nodejs' ;;
    *fedora* | *rhel* | *centos*) printf 'sudo dnf install nodejs22, or curl -fsSL https://rpm.nodesource.com/setup_22.x | sudo bash - && sudo dnf install -y nodejs' ;;
    *alpine*) printf 'sudo apk add nodejs npm (Alpine 3.21 or newer)' ;;
    *arch*) printf 'sudo pacman -S nodejs-lts-jod npm' ;;
    *suse*) printf 'sudo zypper install nodejs22' ;;
    *) printf 'https://nodejs.org/en/download' ;;
  esac
}

# In the repository the program is built first.
build_program() {
  npm=$(command -v npm || true)
  if [ -z "$npm" ]; then
    say "npm is needed to build create-stack, and there is none beside $node."
    exit 2
  fi
  say "Building create-stack (once)"
  (cd "$folder" && { [ -d node_modules ] || "$npm" ci --no-audit --no-fund --loglevel=error; } && "$npm" run --silent build) >&2
}

folder=$(own_folder "$0")
find_node

# One pool for buffers instead of one for each thread: what is freed is used again.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-1}"

if [ -f "$folder/.stack/create-stack.mjs" ]; then
  exec "$node" "$folder/.stack/create-stack.mjs" "$@"
fi

if [ -f "$folder/scripts/build.ts" ] && [ ! -f "$folder/dist/create-stack.mjs" ]; then build_program; fi
if [ -f "$folder/dist/create-stack.mjs" ]; then
  CREATE_STACK_DOOR=./prod.sh exec "$node" "$folder/dist/create-stack.mjs" "$@"
fi

say "$folder/.stack/create-stack.mjs is missing: this is not a whole stack."
say "In its directory, with stack.yaml in place, this makes it anew: npx create-stack generate"
exit 2
