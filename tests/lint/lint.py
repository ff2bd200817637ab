# SPDX-License-Identifier: Apache-2.0
"""Runs every check: lint.py ROOT BUILD. Prints violations and warnings; the exit status is 1 when there is a violation."""

import os
import sys

import build
import files
import rooms
from tree import Tree

CHECKS = [
    files.check_layout,
    files.check_readmes,
    files.check_licence_lines,
    files.check_machine_paths,
    files.check_lengths,
    files.check_soft_is_smaller,
    rooms.check_arrows,
    rooms.check_mode_names,
    rooms.check_preload_room,
    build.check_generated_share,
    build.check_shell_scripts,
    build.check_environment_page,
    build.check_glibc_floor,
    build.check_wanted_symbols,
    build.check_client_exports,
]


def main():
    tree = Tree.of_repository(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
    passed = failed = skipped = 0
    for check in CHECKS:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        result = check(tree)
        for line in result.warnings:
            print(f"warning: {line}")
        for line in result.violations:
            print(line)
        if result.skipped:
            skipped += 1
            print(f"{name}: skipped: {result.skipped}")
        elif result.violations:
            failed += 1
            print(f"{name}: {len(result.violations)} violations")
        else:
            passed += 1
            print(f"{name}: fine")
    print(f"lint: {passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
