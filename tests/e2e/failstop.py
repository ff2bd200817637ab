#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A launch that the driver refuses for a reason that no client can foresee. Where the call waits, it says so, and that is all. Where it
does not, nothing behind it runs, what was copied out before is right, and every later call of every thread says so, for good.

    failstop.py PROGRAM     (programs/failstop.c)

Rule: 24
Seen to fail: the server goes on after it has told the client: async and replay run the launch behind the refused one, with and without
the scheduler; cudaGetLastError clears the error: the lines about it are wrong in async and replay.
"""

import os
import re
import subprocess
import sys

RRTO = os.path.join(os.environ.get("BUILD_DIR", "build"), "bin", "rrto")
REFUSED = 2  # what the soft GPU answers: no memory for the launch
WAITING, STREAMING = ("plain", "percall", "percall-device"), ("async", "replay")


def expected(waits, launch):
    """The lines of the program when its launch number `launch` is refused, and how many kernels have run in the end."""
    lines = []
    fails, second = (launch + 1) // 2, launch % 2 == 0
    for number in range(1, fails):
        lines.append("round %d: launches 0 0, copy 0, synchronise 0, value %d" % (number, 4 * number))
    if waits:
        lines.append("round %d: launches %d %d, copy 0, synchronise 0, value %d" %
                     (fails, 0 if second else REFUSED, REFUSED if second else 0, 2 * fails))
        return lines + ["another thread: 0 0", "last error: 2 2 0", "later: 0 0 0"], 2 * fails - 1
    lines.append("round %d: launches 0 0, copy 0, synchronise 2, value -1" % fails)
    return lines + ["another thread: 2 2", "last error: 2 2 2", "later: 2 2 2"], launch - 1


def try_refusing(mode, launch, seed, program):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RRTO_", "SOFT_GPU_"))}
    environment.update({"SOFT_GPU_REFUSE": "vector_add:%d" % launch, "SOFT_GPU_TRACE": "1"})
    scheduler = [] if seed is None else ["--sched", "adversarial:%d" % seed]
    done = subprocess.run([RRTO, "run", "--mode", mode] + scheduler + ["--", program], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    lines, n_ran = expected(mode in WAITING, launch)
    problems = []
    if done.returncode != 0:
        problems.append("exit status %d" % done.returncode)
    for got, wanted in zip(done.stdout.splitlines() + [""] * len(lines), lines):
        if got != wanted:
            problems.append("%r, not %r" % (got, wanted))
    found = len(re.findall(r"^soft GPU: .* ms .* vector_add$", done.stderr, re.M))
    if found > n_ran or (found < n_ran and seed is None):  # late work may not have run when the program ends
        problems.append("%d kernels have run, not %d" % (found, n_ran))
    told = len(re.findall(r"^rrto: error: cuda failed with 2 at op \d+: launch failed: .*--mode percall", done.stderr, re.M))
    if told != (mode in STREAMING):
        problems.append("the error is told %d times" % told)
    return problems


def main():
    failures = 0
    for mode in WAITING + STREAMING:
        for seed in (None, 1, 2):
            problems = []
            for launch in (1, 2, 7, 14):
                problems += ["launch %d: %s" % (launch, problem) for problem in try_refusing(mode, launch, seed, sys.argv[1])]
            print("%-15s seed %-4s %s" % (mode, seed, "FAILED" if problems else "ok"))
            for problem in problems:
                print("    " + problem)
            failures += bool(problems)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
