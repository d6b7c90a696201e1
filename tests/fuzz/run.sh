#!/bin/bash
# run.sh BINARY [LIBFUZZER-OPTION…]: a fuzzer on its seeds. The tree is only read; new units and what breaks a promise
# go to found/NAME beside the binary, and a later run goes on from there.
set -euo pipefail

binary=$1
name=${binary##*/castiel_sync_fuzz_}
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
found=$(dirname "$binary")/found/$name
mkdir -p "$found/corpus" "$found/artifacts"
options=(-timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "-artifact_prefix=$found/artifacts/")
[[ -f $tree/$name.dict ]] && options+=("-dict=$tree/$name.dict")
exec "$binary" "${options[@]}" "${@:2}" "$found/corpus" "$tree/corpus/$name"
