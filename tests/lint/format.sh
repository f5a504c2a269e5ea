#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is everything laid out as .clang-format says? format.sh ROOT; exit status 77 (skipped) without
# clang-format 14, whose layout it is.
set -eu
cd "$1"
for formatter in clang-format-14 clang-format ''; do
    case $("${formatter:-false}" --version 2>/dev/null || true) in
    *'version 14.'*) break ;;
    esac
done
[ -n "$formatter" ] || exit 77
find sandbox host sdk wasi examples plugins -name '*.[ch]' 2>/dev/null |
    xargs "$formatter" --dry-run -Werror
