#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ./test.sh [full]: installs what is missing, builds every variant, tests it, and prints as its very
# last line "N passed, N failed, N skipped". Exit status 1 if anything failed. Needs no input; logs
# are in build/logs, and only those of failed stages are shown.
set -eu

cd "$(dirname "$0")"
mode=${1:-quick}
logs=build/logs
# Converted specification tests, where the machine has them.
spec=${PINFOLD_SPEC:-../shared/spec}
spec_folders=$(grep -v '^#' tests/spec/folders.txt)
fuzz_seconds=5
# For how long hostile workers attack each state of a host that a sanitizer watches.
hostile_ms=300
passed=0
failed=0
skipped=0

if [ "$mode" = full ]; then
    fuzz_seconds=${PINFOLD_FUZZ_SECONDS:-60}
    hostile_ms=${PINFOLD_HOSTILE_MS:-60000}
    # For how long directories are swapped under a guest.
    export PINFOLD_RACE_SECONDS="${PINFOLD_RACE_SECONDS:-10}"
elif [ "$mode" != quick ]; then
    echo "usage: $0 [full]" >&2
    exit 2
fi

note() {
    printf '%s\n' "$*"
}

# count PASSED FAILED SKIPPED: adds to the totals.
count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
}

# stage NAME COMMAND...: runs a command with its output in a log, shown if the command fails.
stage() {
    stage_log=$logs/$1.log
    stage_name=$1
    stage_start=$(date +%s)
    shift
    if "$@" >"$stage_log" 2>&1 </dev/null; then
        note "ok    $stage_name ($(($(date +%s) - stage_start)) s)"
        return 0
    fi
    note "FAIL  $stage_name ($(($(date +%s) - stage_start)) s): $stage_log"
    tail -n 120 "$stage_log" | sed 's/^/    /'
    return 1
}

# --- packages ------------------------------------------------------------------------------------

. tools/packages.sh

missing_packages() {
    lacks_command clang-19 clang-19
    lacks_command lld-19 wasm-ld-19
    lacks_command gcc gcc
    lacks_command meson meson
    lacks_command ninja-build ninja
    lacks_command pkg-config pkg-config
    lacks_command python3 python3
    lacks_command binutils objdump
    lacks_package libc6-dev
    lacks_package libffi-dev
    lacks_package libcmocka-dev
    lacks_package libjansson-dev
    lacks_package libseccomp-dev
    lacks_package libsodium-dev
    lacks_package libyaml-dev
    lacks_package libclang-rt-19-dev
}

# Without them some tests are passed over.
missing_guests() {
    lacks_package libclang-rt-19-dev-wasm32
    lacks_package wasi-libc
    lacks_package libc++-19-dev-wasm32
    lacks_package libc++abi-19-dev-wasm32
    if [ "$mode" = full ]; then
        lacks_command clang-14 clang-14
        lacks_command g++ g++
        # Debian's own: another rustc on PATH may not have the target.
        lacks_package rustc
        lacks_package libstd-rust-dev-wasm32
    fi
}

# What the real programs of tests/guests are built with.
missing_programs() {
    lacks_command dpkg-dev dpkg-source
    lacks_command make make
    lacks_command npm npm
    lacks_command tcl tclsh
}

# install_missing NAME PACKAGE...
install_missing() {
    install_name=$1
    shift
    [ $# -gt 0 ] || return 0
    note "installing: $*"
    stage "$install_name" install "$@"
}

# --- variants ------------------------------------------------------------------------------------

# The default variant is build/ itself, as for everybody who builds by hand.
folder_of() {
    if [ "$1" = default ]; then echo build; else echo "build/variants/$1"; fi
}

# configure FOLDER COMPILER OPTION...: a build directory is used again if it is there.
configure() {
    configure_folder=$1
    configure_compiler=$2
    shift 2
    if [ -f "$configure_folder/meson-private/coredata.dat" ]; then
        meson setup --reconfigure "$@" "$configure_folder" && return 0
        rm -rf "$configure_folder/meson-private" "$configure_folder/meson-info"
    fi
    CC=$configure_compiler meson setup "$@" "$configure_folder"
}

# Adds up a junit file: "PASSED FAILED SKIPPED".
junit_counts() {
    python3 - "$1" <<'END'
import sys
import xml.etree.ElementTree as tree

counts = [0, 0, 0]
for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    tags = {child.tag for child in case}
    counts[1 if tags & {"failure", "error"} else 2 if "skipped" in tags else 0] += 1
print(*counts)
END
}

# watched NAME COMMAND...: a sanitizer cannot be linked into workers, so a host that is watched by
# one uses those of the default variant.
watched() {
    watched_name=$1
    shift
    case $watched_name in
    clang-sanitized | clang-tsan)
        PINFOLD_TEST_WORKERS=$PWD/build PINFOLD_HOSTILE_MS=$hostile_ms "$@"
        ;;
    *-sanitized) PINFOLD_TEST_WORKERS=$PWD/build "$@" ;;
    *) "$@" ;;
    esac
}

# meson_tests NAME FOLDER ARGUMENT...: runs and counts them.
meson_tests() {
    tests_name=$1
    tests_folder=$2
    shift 2
    tests_status=0
    rm -f "$tests_folder/meson-logs/testlog.junit.xml"
    stage "$tests_name-tests" watched "$tests_name" \
        meson test -C "$tests_folder" --no-rebuild --print-errorlogs "$@" || {
        tests_status=1
        # meson keeps what a unit test says about its failure to itself.
        grep -A 4 '^not ok' "$tests_folder/meson-logs/testlog.txt" | sed 's/^/    /' || true
    }
    failed_before=$failed
    if [ -f "$tests_folder/meson-logs/testlog.junit.xml" ]; then
        tests_counts=$(junit_counts "$tests_folder/meson-logs/testlog.junit.xml")
        # shellcheck disable=SC2086
        count $tests_counts
    else
        tests_status=1
    fi
    # A program that dies half-way may leave no failed case behind.
    if [ $tests_status -ne 0 ] && [ "$failed" -eq "$failed_before" ]; then
        count 0 1 0
    fi
}

# counted NAME RUNNER ARGUMENT...: a runner whose closing line says what is to be counted.
counted() {
    counted_name=$1
    shift
    counted_status=0
    stage "$counted_name" "$@" || counted_status=1
    counted_counts=$(sed -n \
        's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' \
        "$logs/$counted_name.log" | tail -n 1)
    if [ -z "$counted_counts" ]; then
        count 0 1 0
        return 0
    fi
    failed_before=$failed
    # shellcheck disable=SC2086
    count $counted_counts
    if [ $counted_status -ne 0 ] && [ "$failed" -eq "$failed_before" ]; then
        count 0 1 0
    fi
}

# spec_tests NAME FOLDER: the scripts, if there, in each way of running: with guard pages, with
# explicit bounds checks, and counting fuel; relaxed vectors also as they are fastest. Nothing may be
# skipped for what the engine lacks.
spec_tests() {
    paths=
    proposals=
    for spec_folder in $spec_folders; do
        [ -d "$spec/$spec_folder" ] || continue
        case $spec_folder in
        proposals/*) proposals="$proposals ${spec_folder#proposals/}" ;;
        *) paths="$paths $spec/$spec_folder" ;;
        esac
    done
    if [ -z "$paths$proposals" ]; then
        note "note  $1-spec: no specification tests in $spec, skipped"
        return 0
    fi
    for spec_option in '' --checked --metered; do
        # Unquoted: lists of words, the option one or none.
        # shellcheck disable=SC2086
        [ -z "$paths" ] || counted "$1-spec$spec_option" "$2/tests/pinfold-spec" --strict \
            $spec_option $paths
        for spec_proposal in $proposals; do
            # shellcheck disable=SC2086
            counted "$1-spec-$spec_proposal$spec_option" "$2/tests/pinfold-spec" --strict \
                $spec_option --feature "$spec_proposal" "$spec/proposals/$spec_proposal"
        done
    done
    if [ -d "$spec/relaxed-simd" ]; then
        counted "$1-spec-relaxed" "$2/tests/pinfold-spec" --strict --relaxed \
            "$spec/relaxed-simd" "$spec/supplement"
    fi
}

# variant NAME COMPILER TESTS OPTION...: configures, builds and tests. TESTS is "all", or "unit" for
# the unit tests alone. A variant that does not build counts as one failure.
variant() {
    variant_name=$1
    variant_compiler=$2
    variant_tests=$3
    variant_folder=$(folder_of "$1")
    shift 3
    if ! stage "$variant_name-setup" configure "$variant_folder" "$variant_compiler" "$@" ||
        ! stage "$variant_name-build" ninja -C "$variant_folder" all meson-test-prereq; then
        count 0 1 0
        return 0
    fi
    case $variant_name/$variant_tests in
    # The specification's scripts come below, where their commands are counted.
    default/*) meson_tests "$variant_name" "$variant_folder" --no-suite spec ;;
    */unit) meson_tests "$variant_name" "$variant_folder" --suite unit ;;
    # What looks at the sources alone need not be asked again.
    *) meson_tests "$variant_name" "$variant_folder" --no-suite lint --no-suite spec ;;
    esac
    if [ "$variant_tests" = all ]; then
        spec_tests "$variant_name" "$variant_folder"
    fi
}

# What involves threads of the host. Nothing of the engine, which has none and is slow to compile.
thread_tests='e2e e2e/hostile e2e/protocol e2e/sigkills e2e/steps host/monitor host/session
    sandbox/channel sandbox/channel_wait'
thread_targets='examples/hello plugins/greet.wasm tests/e2e/trouble.wasm tests/e2e/e2e
    tests/e2e/e2e_hostile tests/e2e/e2e_protocol tests/e2e/e2e_sigkills tests/e2e/e2e_steps
    tests/unit/unit_host_monitor tests/unit/unit_host_session tests/unit/unit_sandbox_channel
    tests/unit/unit_sandbox_channel_wait'

# thread_variant NAME COMPILER OPTION...: builds and tests those alone.
thread_variant() {
    variant_name=$1
    variant_compiler=$2
    variant_folder=$(folder_of "$1")
    shift 2
    # Unquoted: lists of words.
    # shellcheck disable=SC2086
    if stage "$variant_name-setup" configure "$variant_folder" "$variant_compiler" "$@" &&
        stage "$variant_name-build" ninja -C "$variant_folder" $thread_targets; then
        meson_tests "$variant_name" "$variant_folder" $thread_tests
    else
        count 0 1 0
    fi
}

# --- fuzzing -------------------------------------------------------------------------------------

# fuzz_target PROGRAM CORPUS SECONDS: seeds are copied, since libFuzzer adds to its first folder.
fuzz_target() {
    rm -rf "$1.corpus"
    mkdir -p "$1.corpus"
    [ ! -d "$2" ] || cp -r "$2/." "$1.corpus/"
    "$1" -max_total_time="$3" -timeout=20 -rss_limit_mb=4096 -seed=1 -print_final_stats=1 \
        -artifact_prefix="$1." "$1.corpus"
}

# fuzz FOLDER: every target that the build has, each one test.
fuzz() {
    fuzz_found=0
    for target in "$1"/tests/fuzz/fuzz_*; do
        if [ ! -f "$target" ] || [ ! -x "$target" ]; then
            continue
        fi
        fuzz_found=1
        target_name=$(basename "$target")
        if stage "$target_name" fuzz_target "$target" \
            "tests/fuzz/corpus/${target_name#fuzz_}" "$fuzz_seconds"; then
            count 1 0 0
        else
            count 0 1 0
        fi
    done
    if [ $fuzz_found = 0 ]; then
        note 'FAIL  fuzz: tests/fuzz is there, but no target was built'
        count 0 1 0
    fi
}

# --- guests --------------------------------------------------------------------------------------

# guests FOLDER: real programs, fetched, built and run; a program that cannot be had is skipped.
guests() {
    # shellcheck disable=SC2046
    install_missing install-programs $(missing_programs) || true
    counted guests python3 tests/guests/run.py "$1/pinfold"
    sed -n 's/^skip /note  guests:/p' "$logs/guests.log"
}

# --- the matrix ----------------------------------------------------------------------------------

sanitizers='-Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1'

quick_matrix() {
    variant default clang-19 all
    variant gcc gcc all
    # Fuzz targets live here: one instrumented build is enough.
    # shellcheck disable=SC2086
    variant clang-sanitized clang-19 all $sanitizers -Dfuzz=true
    fuzz build/variants/clang-sanitized
    thread_variant clang-tsan clang-19 -Db_sanitize=thread -Db_lundef=false -Doptimization=1
}

full_matrix() {
    variant clang-loop clang-19 all -Ddispatch=loop
    variant gcc-loop gcc all -Ddispatch=loop
    variant clang-plain clang-19 unit -Dvectors=plain
    variant gcc-plain gcc unit -Dvectors=plain
    if command -v clang-14 >/dev/null; then
        variant clang-14 clang-14 unit
    else
        note 'note  clang-14: not there, skipped'
        count 0 0 1
    fi
    # shellcheck disable=SC2086
    variant gcc-sanitized gcc all $sanitizers
    guests build
}

mkdir -p "$logs"
rm -f "$logs"/*.log
# Unquoted: lists of words.
# shellcheck disable=SC2046
if install_missing install $(missing_packages); then
    if ! install_missing install-guests $(missing_guests); then
        note 'note  guests: some of what they need is not there, skipped'
        count 0 0 1
    fi
    quick_matrix
    [ "$mode" != full ] || full_matrix
else
    count 0 1 0
fi
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
