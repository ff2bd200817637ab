#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is said when something is not there: each thing once, by name; the report counts it.

    messages.py PROGRAM     (programs/errors.c)
"""

import json
import os
import subprocess
import sys
import tempfile

RRTO = os.path.join(os.environ.get("BUILD_DIR", "build"), "bin", "rrto")


def main():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RRTO_")}
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        done = subprocess.run([RRTO, "run", "--report", report, "--", sys.argv[1]], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30)
        with open(report) as file:
            unsupported = json.load(file)["unsupported"]
    lines = done.stderr.splitlines()
    failures = 0
    for text in ("rrto: error: kernel kernel_that_nobody_has: ", "rrto: warn: cudaOccupancyAvailableDynamicSMemPerBlock is not supported"):
        n = sum(line.startswith(text) for line in lines)
        print("%-60s %s" % (text, "ok" if n == 1 else "FAILED: %d times" % n))
        failures += n != 1
    named = [line for line in lines if "kernel_that_nobody_has" in line]
    if len(named) != 1:
        print("a kernel without a body is named in %d lines, not in one" % len(named))
        failures += 1
    if unsupported != {"cudaOccupancyAvailableDynamicSMemPerBlock": 1}:
        print("the report counts as unsupported: %r" % unsupported)
        failures += 1
    if failures:
        print(done.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
