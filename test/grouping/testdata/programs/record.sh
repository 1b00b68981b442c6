#!/usr/bin/env bash
# Runs the programs beside this file and writes what they fail with, one file of JSON lines for each language, into the folder given.
# Each program is built twice, in other places and with other line numbers, and runs with several seeds. A language whose tools are
# missing is left out and its file left as it is. .NET: DOTNET is the folder of a runtime, mcs the compiler.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seeds="1 2 3"

# copy LANGUAGE BUILD: the program with PAD lines replaced by as many empty ones as the build wants, in a folder of the build.
copy() {
  case $2 in
    1) target=$work/srv/app/$1 pad= ;;
    2) target=$work/opt/releases/20240607/$1-2.7.1 pad=$'\\\n\\\n\\\n\\\n\\\n' ;;
  esac
  mkdir -p "$target"
  cp -r "$here/$1/." "$target"
  find "$target" -type f \( -name '*.go' -o -name '*.java' -o -name '*.py' -o -name '*.mjs' -o -name '*.cs' -o -name '*.rb' -o -name '*.php' \) \
    -exec sed -i "s,^ *\(//\|#\) *PAD\$,$pad," {} +
}

# record LANGUAGE BUILD COMMAND...: runs it once for each seed; paths of this machine do not belong into the record.
record() {
  local language=$1 build=$2 seed
  shift 2
  for seed in $seeds; do "$@" $((seed + 10 * build)); done | sed -E "s,$work,,g; s,${HOME:-/nowhere}/[^\"]*/versions/[0-9.]+/,/usr/local/,g" >>"$work/$language.jsonl"
}

for build in 1 2; do
  if command -v go >/dev/null; then
    copy golang $build
    (cd "$target" && GOFLAGS=-mod=mod GOSUMDB=off go build -o "$work/orders-go" . && record golang $build "$work/orders-go")
  fi
  if command -v javac >/dev/null; then
    copy java $build
    javac -encoding UTF-8 -d "$target/classes" "$target/Orders.java"
    record java $build java -XX:MaxJavaStackTraceDepth=60 -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -cp "$target/classes" example.shop.Orders
  fi
  if command -v python3 >/dev/null; then copy python $build; record python $build python3 "$target/orders.py"; fi
  if command -v node >/dev/null; then copy node $build; record node $build node "$target/orders.mjs"; fi
  if command -v ruby >/dev/null; then copy ruby $build; LANG=C.UTF-8 record ruby $build ruby "$target/orders.rb"; fi
  if command -v php >/dev/null; then copy php $build; record php $build php "$target/orders.php"; fi
  if command -v mcs >/dev/null && [[ -n ${DOTNET:-} ]]; then
    copy dotnet $build
    framework=$(echo "$DOTNET"/shared/Microsoft.NETCore.App/*)
    references=()
    for name in System.Private.CoreLib System.Runtime System.Console System.Collections System.Linq System.Net.Sockets System.Net.Primitives \
      System.IO.FileSystem System.Threading.Tasks System.Runtime.Extensions System.ComponentModel.Primitives; do
      references+=("-r:$framework/$name.dll")
    done
    mcs -nologo -noconfig -nostdlib "${references[@]}" "-out:$target/Orders.dll" "$target/Orders.cs"
    printf '{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"%s"}}}\n' "${framework##*/}" >"$target/Orders.runtimeconfig.json"
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 record dotnet $build "$DOTNET/dotnet" "$target/Orders.dll"
  fi
done
mkdir -p "$out"
cp "$work"/*.jsonl "$out"
wc -l "$out"/*.jsonl
