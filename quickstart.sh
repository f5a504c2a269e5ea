#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ./quickstart.sh: installs what is missing, builds the engine, compiles a C program to WebAssembly
# and runs it. Needs no input.
set -eu

cd "$(dirname "$0")"
. tools/packages.sh

missing_packages() {
    lacks_command clang-19 clang-19
    lacks_command lld-19 wasm-ld-19
    lacks_command meson meson
    lacks_command ninja-build ninja
    lacks_command pkg-config pkg-config
    lacks_command python3 python3
    lacks_package libc6-dev
    lacks_package libcmocka-dev
    lacks_package libjansson-dev
}

packages=$(missing_packages | tr '\n' ' ')
if [ -n "$packages" ]; then
    echo "installing: $packages"
    # Unquoted: a list of words.
    # shellcheck disable=SC2086
    install $packages
fi

[ -f build/build.ninja ] || CC=clang-19 meson setup build
ninja -C build tests/bench/bench-driver tests/bench/sha256.wasm tests/bench/sha256.native

echo 'sha256 over a buffer, 1000 times, as a WebAssembly module:'
guest=$(build/tests/bench/bench-driver build/tests/bench/sha256.wasm run 1000)
echo "  $guest"
echo 'and natively:'
native=$(build/tests/bench/sha256.native 1000)
echo "  $native"
[ "$guest" = "$native" ]
