#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Children that never call CUDA notice nothing: same output, same exit status, no process of theirs in the report.

Rule: 28, 29
Seen to fail: the doors load the client library when they are loaded, and it starts its counters then: children that never call CUDA are in the
report.
"""

import json
import os
import subprocess
import sys
import tempfile

RRTO = os.path.join(os.environ.get("BUILD_DIR", "build"), "bin", "rrto")
FORKS = """
import os, subprocess, sys, errno
pid = os.fork()
if pid == 0:
    os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(subprocess.run(['true']).returncode, subprocess.run(['false']).returncode)
try:
    os.open('/does/not/exist', os.O_RDONLY)
except OSError as error:
    print(error.errno == errno.ENOENT)
print(sorted(fd for fd in os.listdir('/proc/self/fd') if int(fd) > 2 and int(fd) < 20))
"""
COMMANDS = [
    ["bash", "-c", "echo one; (echo two; exit 5); echo $?; echo three | cat; cd /; pwd"],
    ["git", "--version"],
    ["git", "-C", os.environ.get("SOURCE_DIR", "."), "rev-parse", "--is-inside-work-tree"],
    [sys.executable, "-c", FORKS],
    [sys.executable, "-m", "pip", "--version"],
    ["bash", "-c", "kill -TERM $$"],
    ["sh", "-c", "exit 42"],
    ["bash", "-c", "sleep 0.05 & wait; ulimit -n; umask"],
]


def outcome(command, environment):
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def main():
    failures = 0
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RRTO_")}
    with tempfile.TemporaryDirectory() as folder:
        for number, command in enumerate(COMMANDS):
            report = os.path.join(folder, "%d.json" % number)
            alone = outcome(command, environment)
            status, out, err = outcome([RRTO, "run", "--report", report, "--"] + command, environment)
            err = b"".join(line for line in err.splitlines(True) if not line.startswith(b"rrto: "))
            problems = []
            if (status, out, err) != alone:
                problems.append("alone %r, under rrto run %r" % (alone, (status, out, err)))
            try:
                with open(report) as file:
                    found = json.load(file)
                if found.get("calls") != 0 or found.get("processes") != []:
                    problems.append("the report counts calls or processes: %r" % found)
            except (OSError, ValueError) as error:
                problems.append("no report: %s" % error)
            print("%-50s %s" % (" ".join(command)[:50].replace("\n", " "), "FAILED" if problems else "ok"))
            for problem in problems:
                print("    " + problem)
            failures += bool(problems)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
