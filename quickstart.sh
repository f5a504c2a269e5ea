#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ./quickstart.sh: installs what is missing, builds, and runs a host application, the editor in
# examples/, with two plugins on a real document: one works, one is refused what its policy does not
# grant, and does its work, too, once the line is added that the refusal tells. Needs no input.
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
cp README.md build/plugins/words.wasm build/plugins/format.wasm plugins/words/words.yaml "$demo"
grep -v 'buffer\.replace' plugins/format/format.yaml >"$demo/format.yaml"
editor=$PWD/build/examples/editor
cd "$demo"

# edit SCRIPT: runs the editor on a copy of this project's README.md.
edit() {
    printf '%s\n' "$1" >script
    sed 's/^/    $ /' script
    "$editor" --plugins . --script script README.md 2>&1
}

echo
echo '--- words reads a document line by line, each by a call back into the editor. Its policy:'
grep -A 9 '^host_functions' words.yaml
echo '--- format wraps paragraphs, so it has to change the document. Its policy does not grant that:'
grep -A 9 '^host_functions' format.yaml
echo '--- The editor runs both:'
edit 'words
format 60' | tee shown
if ! grep -q ' words, ' shown || ! grep -q ' denied: ' shown; then
    echo 'one was to work and the other to be refused' >&2
    exit 1
fi

echo '--- The line that the refusal tells is added, and the same command does its work:'
echo '  - buffer.replace' | tee -a format.yaml
edit 'format 60
1,8p
words'
