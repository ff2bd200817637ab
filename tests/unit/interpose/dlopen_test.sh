#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dlopen_test.sh PROGRAM LIBRRTO_DLOPEN DOORS DECOYS: runs the program with the wrapper preloaded and compares its answers.
set -eu
wanted="absolute door
other-version decoy
not-ours decoy
bare door
development-name door
longer-name none
missing none
program ok
runpath decoy
noload not-loaded"
got=$(LD_PRELOAD="$2" "$1" "$3" "$4")
if [ "$got" != "$wanted" ]; then
    printf 'wanted:\n%s\ngot:\n%s\n' "$wanted" "$got" >&2
    exit 1
fi
# The control: without the wrapper the decoy is opened.
if [ "$("$1" "$3" "$4" | head -1)" != "absolute decoy" ]; then
    echo "the control does not see the decoy: this test proves nothing" >&2
    exit 1
fi
