#!/usr/bin/env bash
# Sees to it that the programs of a PostgreSQL server are there: installs them where it may (Debian and its kind, as root), else says what to do. Whatever server may run is not used:
# the tests start servers of their own.
set -euo pipefail

missing() {
  local program
  for program in initdb postgres pg_dump psql; do
    command -v "$program" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$program" >/dev/null || { echo "$program"; return; }
  done
}

[[ -n $(missing) ]] || exit 0
if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  printf 'PostgreSQL is not there (%s is missing): installing the package postgresql\n' "$(missing)"
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends postgresql
fi
if [[ -n $(missing) ]]; then
  printf 'PostgreSQL is not there: %s is neither in the PATH nor in /usr/lib/postgresql/*/bin. Install a server with its client programs, as by\n' "$(missing)" >&2
  printf '  sudo apt-get install postgresql     (Debian, Ubuntu)\n  brew install postgresql             (macOS)\n' >&2
  exit 1
fi
