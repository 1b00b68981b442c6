#!/usr/bin/env bash
# Builds the example collector of this folder with the OpenTelemetry Collector Builder, starts it, sends it operations
# and wants to see a derived trace. Usage: build.sh <folder with asyncgen>
set -euo pipefail

binaries=$(cd "$1" && pwd)
cd "$(dirname "$0")"
root=../..
output=_build

# The checkout knows the hashes of nearly every module the example needs.
mkdir -p $output
cp $root/go.sum $output/go.sum
go tool -modfile=$root/internal/tools/go.mod builder --config builder-config.yaml

port=$((20000 + RANDOM % 12000))
log=$output/collector.log
OTLP_GRPC_ENDPOINT=localhost:$port $output/collector-with-correlation --config config.yaml >$log 2>&1 &
collector=$!
trap 'kill $collector 2>/dev/null && wait $collector || true' EXIT

# Waits until the log holds a text; the example is broken when it does not come.
await() {
  for _ in $(seq 150); do
    if grep -q "$1" $log; then return; fi
    kill -0 $collector 2>/dev/null || break
    sleep 0.2
  done
  printf 'no "%s" in the output of the example collector:\n' "$1" >&2
  tail -n 40 $log >&2
  return 1
}

await 'Everything is ready'
"$binaries/asyncgen" --endpoint localhost:$port --operations 5 --rate 50 --time-scale 0.01 --mix completed=1 --progress 0s
await 'InstrumentationScope github.com/throughline/throughline/stitch'
echo "example collector: built, started, and one trace for each operation derived ($output/collector-with-correlation)"
