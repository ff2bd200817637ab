#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# aarch64_test.sh GEN_FOLDER: the doors assemble for the other machine too (running them needs one).
set -eu
source_dir=${SOURCE_DIR:-$(cd "$(dirname "$0")/../../.." && pwd)}
compiler=${CLANG:-clang}
if ! command -v "$compiler" > /dev/null; then
    echo "skipped: no $compiler, which assembles for aarch64"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
n=0
for file in "$1"/door_*.S "$source_dir/interpose/dlopen.S"; do
    "$compiler" --target=aarch64-linux-gnu -c "$file" -o "$folder/object.o"
    n=$((n + 1))
done
echo "$n files assembled"
[ "$n" -ge 7 ]
