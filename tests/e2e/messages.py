#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is said when something is not there: each thing once, by name.

    messages.py PROGRAM     (programs/errors.c)
"""

import os
import subprocess
import sys

RRTO = os.path.join(os.environ.get("BUILD_DIR", "build"), "bin", "rrto")


def main():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RRTO_")}
    done = subprocess.run([RRTO, "run", "--", sys.argv[1]], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=30)
    lines = done.stderr.splitlines()
    failures = 0
    for text in ("rrto: error: kernel kernel_that_nobody_has: ", "rrto: warn: cudaStreamBeginCapture is not supported"):
        n = sum(line.startswith(text) for line in lines)
        print("%-60s %s" % (text, "ok" if n == 1 else "FAILED: %d times" % n))
        failures += n != 1
    named = [line for line in lines if "kernel_that_nobody_has" in line]
    if len(named) != 1:
        print("a kernel without a body is named in %d lines, not in one" % len(named))
        failures += 1
    if failures:
        print(done.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
