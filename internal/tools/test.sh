#!/usr/bin/env bash
# Runs `go test` with the arguments it is given, and once more for packages in which the race detector itself crashed: with testing/synctest it does so now
# and then (golang/go#78156, open as of Go 1.26). A test that fails is never run again.
set -uo pipefail
go=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

"$go" test "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
[[ $status -eq 0 ]] && exit 0

# The output of a package ends with its line of ok or FAIL. Whatever else failed in it counts.
verdicts=$(awk '
  /^ThreadSanitizer: CHECK failed/ { crashed = 1 }
  /^[ ]*--- FAIL|^WARNING: DATA RACE|^panic:/ { failed = 1 }
  /^(ok|FAIL|---|\?) *\t[^ \t]+/ {
    if ($1 == "FAIL") print (crashed && !failed ? "crashed" : "failed"), $2
    crashed = failed = 0
  }' "$log")
if [[ -z $verdicts ]] || grep -q '^failed ' <<<"$verdicts"; then
  exit "$status"
fi
mapfile -t crashed < <(sed -n 's/^crashed //p' <<<"$verdicts")
flags=()
for arg in "$@"; do
  [[ $arg == ./* ]] || flags+=("$arg")
done
printf 'The race detector crashed (golang/go#78156); once more: %s\n' "${crashed[*]}"
exec "$go" test "${flags[@]}" "${crashed[@]}"
