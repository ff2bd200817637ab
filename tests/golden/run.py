#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The generator, tested like a compiler: its output for small/toy.api equals expected/, byte for byte, and every file in bad/ is refused at
the line that its first line names. `run.py --update` writes expected/ anew: read the difference before you commit it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GENERATE = os.path.join(HERE, "..", "..", "src", "api", "generate.py")


def generate(*arguments):
    return subprocess.run([sys.executable, "-B", GENERATE, *arguments], cwd=HERE, capture_output=True, text=True, check=False)


def read_folder(folder):
    files = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            files[name] = file.read()
    return files


def golden(update):
    expected_folder = os.path.join(HERE, "expected")
    with tempfile.TemporaryDirectory() as folder:
        done = generate("--out", folder, "--coverage", os.path.join(folder, "coverage.md"), "--check-headers", os.path.join(folder, "check.cpp"),
                        "--lock", "small/ops.lock", "--symbols", "small", "small/toy.api")
        if done.returncode:
            print(done.stderr)
            return 1
        made = read_folder(folder)
        if update:
            for name in set(os.listdir(expected_folder)) - set(made):
                os.remove(os.path.join(expected_folder, name))
            for name, data in made.items():
                with open(os.path.join(expected_folder, name), "wb") as file:
                    file.write(data)
            print(f"wrote {len(made)} files")
            return 0
    expected = read_folder(expected_folder)
    failures = 0
    for name in sorted(set(made) | set(expected)):
        if made.get(name) != expected.get(name):
            print(f"FAIL {name} differs from expected/ (tests/golden/run.py --update, then git diff)")
            failures += 1
    print(f"{len(made)} generated files compared")
    return failures


def compiles():
    """What is expected compiles without a warning (where a compiler is)."""
    compiler = os.environ.get("CC", "cc")
    if not shutil.which(compiler.split()[0]):
        print(f"no {compiler}: expected/ is not compiled")
        return 0
    root = os.path.join(HERE, "..", "..")
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.join(HERE, "expected"), os.path.join(folder, "gen"))
        # The generated client includes what needs the real descriptions; the toy has its own types only.
        os.makedirs(os.path.join(folder, "stand_in", "api"))
        with open(os.path.join(folder, "stand_in", "api", "scalars.h"), "w", encoding="utf-8"):
            pass
        for name in sorted(os.listdir(os.path.join(HERE, "expected"))):
            if not name.endswith((".c", ".S")):
                continue
            done = subprocess.run([*compiler.split(), "-std=gnu11", "-D_GNU_SOURCE=", "-Wall", "-Wextra", "-Wshadow", "-Wconversion",
                                   "-Wstrict-prototypes", "-Wvla", "-Werror", "-fsyntax-only", "-I", os.path.join(folder, "stand_in"),
                                   "-I", folder, "-I", os.path.join(root, "src"), "-I", os.path.join(root, "server"),
                                   "-I", os.path.join(root, "interpose"), os.path.join(folder, "gen", name)],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"FAIL {name} does not compile:\n{done.stderr}")
                failures += 1
    return failures


def bad():
    failures, n = 0, 0
    for name in sorted(os.listdir(os.path.join(HERE, "bad"))):
        path = os.path.join("bad", name)
        with open(os.path.join(HERE, path), encoding="utf-8") as file:
            first = file.readline()
        wanted = re.match(r"# expect (\d+): (.*)$", first)
        with tempfile.TemporaryDirectory() as folder:
            lock = os.path.join(folder, "ops.lock")
            if name != "no-number.api":
                # Numbers are not what these are about.
                with open(lock, "w", encoding="utf-8") as file:
                    file.write("a 1\ntoyF 2\n")
            done = generate("--out", folder, "--lock", lock, "--symbols", folder, path)
        line = f"{path}:{wanted.group(1)}: "
        message = done.stderr[len(line):]
        if done.returncode != 1 or not done.stderr.startswith(line) or not message.startswith(wanted.group(2)):
            print(f"FAIL {path}: exit {done.returncode}, wanted '{first[2:].strip()}', got: {done.stderr.strip() or 'no message'}")
            failures += 1
        n += 1
    print(f"{n} bad inputs tried")
    return failures + (n == 0)


def main():
    update = "--update" in sys.argv[1:]
    failures = golden(update)
    if not update:
        failures += compiles() + bad()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
