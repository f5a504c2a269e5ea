#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ./quickstart.sh: installs what is missing, builds, and runs a host application that calls a plugin
# under a policy, then once more under one that does not grant what the plugin needs. Needs no input.
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
    lacks_package libffi-dev
    lacks_package libcmocka-dev
    lacks_package libjansson-dev
    lacks_package libseccomp-dev
    lacks_package libsodium-dev
    lacks_package libyaml-dev
}

packages=$(missing_packages | tr '\n' ' ')
if [ -n "$packages" ]; then
    echo "installing: $packages"
    # Unquoted: a list of words.
    # shellcheck disable=SC2086
    install $packages
fi

[ -f build/build.ninja ] || CC=clang-19 meson setup build
ninja -C build

# A policy that a group may write would be refused.
umask 022
demo=$(mktemp -d)
trap 'rm -rf "$demo"' EXIT
cp build/plugins/greet.wasm plugins/greet/greet.yaml "$demo"
hello=$PWD/build/examples/hello

echo 'A host application, and a plugin that it may greet through:'
(cd "$demo" && "$hello")

echo 'The same plugin under a policy that grants nothing:'
printf 'pinfold: 1\n' >"$demo/greet.yaml"
(cd "$demo" && "$hello") 2>&1
