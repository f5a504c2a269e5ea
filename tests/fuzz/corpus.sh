#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tests/fuzz/corpus.sh BUILD [FOLDER]: makes the seeds anew, in tests/fuzz/corpus or FOLDER. BUILD has
# the fuzz targets (-Dfuzz=true) and bench-programs. Needs wat2wasm. What fuzzing has found goes in
# the same way: pass libFuzzer's corpora as FOUND/<target>, by FOUND=..., and those inputs that reach
# something new are kept, up to a size.
set -eu

cd "$(dirname "$0")"
build=$1
corpus=${2:-corpus}
bytes_max=150000 # of each target's
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

modules() {
    for source in seeds/*.wat; do
        wat2wasm --debug-names "$source" -o "$1/$(basename "$source" .wat)"
    done
    for program in "$build"/tests/bench/*.wasm; do
        cp "$program" "$1/$(basename "$program" .wasm)"
    done
    seed=0
    while [ $seed -lt 40 ]; do
        PINFOLD_FUZZ_DUMP=$work/generated "$build/tests/fuzz/generated_programs" $seed 1 >/dev/null 2>&1
        cp "$work/generated0.wasm" "$1/generated_$seed"
        seed=$((seed + 1))
    done
}

# Bytes for the generator: of each length, the same every time.
choices() {
    python3 - "$1" <<'END'
import random
import sys

for seed in range(40):
    source = random.Random(seed)
    with open(f"{sys.argv[1]}/choices_{seed}", "wb") as file:
        file.write(source.randbytes(40 + 30 * seed))
END
}

# keep TARGET: what of $work/TARGET reaches something new, small inputs first.
keep() {
    rm -rf "${corpus:?}/$1"
    mkdir -p "$corpus/$1" "$work/merged"
    "$build/tests/fuzz/fuzz_$1" -merge=1 "$work/merged" "$work/$1" >/dev/null 2>&1
    total=0
    find "$work/merged" -type f -printf '%s %p\n' | sort -n | while read -r size path; do
        total=$((total + size))
        [ $total -le $bytes_max ] || break
        cp "$path" "$corpus/$1/"
    done
    rm -rf "$work/merged"
}

# A main module and its side one, one behind the other.
linked() {
    cat "$build/tests/dynamic/pie_main.wasm" "$build/tests/dynamic/circle_side.wasm" >"$1/pie"
}

for target in decode dynamic run program; do
    mkdir "$work/$target"
    [ ! -d "${FOUND:-/nonexistent}/$target" ] || cp -r "$FOUND/$target/." "$work/$target"
done
modules "$work/decode"
modules "$work/run"
choices "$work/program"
linked "$work/dynamic"
for target in decode dynamic run program; do
    keep $target
done
du -sh "$corpus"
