#!/bin/bash
# run.sh BINARY [LIBFUZZER-OPTION…]: a fuzzer on its seeds. The tree is only read; new units and what breaks a promise
# go to found/NAME beside the binary, and a later run goes on from there. First runs with one -seed are much alike on
# every machine: the seeds in one order, and addresses, which steer libFuzzer too, in one place.
set -euo pipefail

binary=$1
name=${binary##*/castiel_sync_fuzz_}
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
found=$(dirname "$binary")/found/$name
mkdir -p "$found/corpus" "$found/artifacts"
find "$tree/corpus/$name" -type f | LC_ALL=C sort | paste -sd, >"$found/seeds"
options=(-timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "-artifact_prefix=$found/artifacts/"
  "-seed_inputs=@$found/seeds")
[[ -f $tree/$name.dict ]] && options+=("-dict=$tree/$name.dict")
fixed=()
setarch "$(uname -m)" --addr-no-randomize true 2>/dev/null && fixed=(setarch "$(uname -m)" --addr-no-randomize)
exec "${fixed[@]}" "$binary" "${options[@]}" "${@:2}" "$found/corpus"
