#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""However a program ends, `rrto run` ends the same way and leaves a report that knows of its work.

    exits.py PROGRAM     (programs/exits.c)
"""

import json
import os
import signal
import subprocess
import sys
import tempfile

RRTO = os.path.join(os.environ.get("BUILD_DIR", "build"), "bin", "rrto")
WAYS = {"return": 7, "exit": 7, "_exit": 7, "exec": 7, "thread": 7, "kill": -signal.SIGKILL, "abort": -signal.SIGABRT}


def main():
    failures = 0
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RRTO_")}
    with tempfile.TemporaryDirectory() as folder:
        for way, expected in WAYS.items():
            report = os.path.join(folder, way + ".json")
            done = subprocess.run([RRTO, "run", "--report", report, "--", sys.argv[1], way], env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=30, cwd=folder)
            problems = []
            if done.returncode != expected:
                problems.append("exit status %d, not %d" % (done.returncode, expected))
            if done.stdout != b"2\n":
                problems.append("printed %r" % done.stdout)
            for line in done.stderr.decode(errors="replace").splitlines():
                if not line.startswith("rrto: no server named"):
                    problems.append("said: " + line)
            try:
                with open(report) as file:
                    found = json.load(file)
                if found["calls"] < 30 or found["round_trips"] < 10 or len(found["processes"]) != 1:
                    problems.append("the report does not know of the work: %d calls, %d round trips, %d processes" %
                                    (found["calls"], found["round_trips"], len(found["processes"])))
            except (OSError, ValueError, KeyError) as error:
                problems.append("report: %r" % error)
            print("%-8s %s" % (way, "FAILED" if problems else "ok"))
            for problem in problems:
                print("    " + problem)
            failures += bool(problems)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
