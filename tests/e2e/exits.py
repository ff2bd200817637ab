#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""However a program ends, `rrto run` ends the same way and leaves a report that knows of its work. Nothing is torn down under threads that
still work, and a destructor that calls CUDA after rrto has said goodbye gets cudaErrorCudartUnloading (4).

    exits.py PROGRAM     (programs/exits.c)

Rule: 29
Seen to fail: the counters are not shared with their file: every way of ending leaves a report that knows nothing; the session is torn down at the
end: that is said where exit() ends the program. With both modes. (The flag that the process is ending, not set: semantics/29-exit.)
"""

import json
import os
import signal
import subprocess
import sys
import tempfile

RRTO = os.path.abspath(os.path.join(os.environ.get("BUILD_DIR", "build"), "bin", "rrto"))
WAYS = {"return": 7, "exit": 7, "_exit": 7, "exec": 7, "thread": 7, "kill": -signal.SIGKILL, "abort": -signal.SIGABRT,
        "late": 7, "busy": 7}
MODES = ("replay", "percall")


def check(run, program, quiet=("rrto: no server named",)):
    """Prints a line per way and returns how many failed. run: the words of `rrto run`; program: those of the program; quiet: how the lines
    on stderr begin that may be there."""
    failures = 0
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RRTO_")}
    with tempfile.TemporaryDirectory() as folder:
        for way, mode, expected in ((way, mode, WAYS[way]) for way in WAYS for mode in MODES):
            report = os.path.join(folder, way + "-" + mode + ".json")
            done = subprocess.run(run + ["--mode", mode, "--report", report, "--"] + program + [way], env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=30, cwd=folder)
            problems = []
            if done.returncode != expected:
                problems.append("exit status %d, not %d" % (done.returncode, expected))
            if done.stdout != (b"2\ntoo late: 4 4\n" if way == "late" else b"2\n"):
                problems.append("printed %r" % done.stdout)
            for line in done.stderr.decode(errors="replace").splitlines():
                if not line.startswith(quiet):
                    problems.append("said: " + line)
            try:
                with open(report) as file:
                    found = json.load(file)
                if found["calls"] < 30 or found["round_trips"] < 10 or len(found["processes"]) != 1:
                    problems.append("the report does not know of the work: %d calls, %d round trips, %d processes" %
                                    (found["calls"], found["round_trips"], len(found["processes"])))
            except (OSError, ValueError, KeyError) as error:
                problems.append("report: %r" % error)
            print("%-8s %-8s %s" % (way, mode, "FAILED" if problems else "ok"))
            for problem in problems:
                print("    " + problem)
            failures += bool(problems)
    return failures


if __name__ == "__main__":
    sys.exit(1 if check([RRTO, "run"], [os.path.abspath(sys.argv[1])]) else 0)
