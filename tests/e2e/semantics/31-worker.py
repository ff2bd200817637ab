#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a worker has of the system while it works, seen from outside: a program of its own, no new privileges, a filter over its system calls in
every thread, no core dump, no descriptor but its two sockets, the log and two pipes to itself (standard output and standard error), nothing of the environment that loads or redirects libraries. What the
filter and the file rules refuse is tried out one by one in tests/unit/server/sandbox.c.

    31-worker.py [--seeds N] [--first SEED] [--only MODE] PROGRAM     (programs/endless.c)

Rule: 31
Seen to fail: the worker does not enter the sandbox, or its filter holds for one thread only: threads without one are named (and the unit
test's earlier thread opens its socket); RRTO_ and PYTHON variables are handed on: they are named; the limit on core dumps is not set: it is
missed. Without the rules on files the unit test makes, writes and removes one; with the filter as it was when that test grew, it sends signals to its parent in
seven ways, asks for its limits, renames it, forks in three, makes sockets for datagrams, binds one, and has a file opened by its handle.
"""

import os
import re
import subprocess
import sys
import tempfile

from ways import arguments, environment, judge_all


def read(*parts):
    with open(os.path.join("/proc", *[str(part) for part in parts]), "rb") as file:
        return file.read().decode(errors="replace")


def children(pid):
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        found += [int(child) for child in read(pid, "task", task, "children").split()]
    return found


def examine(worker, problems):
    if os.path.basename(os.readlink("/proc/%d/exe" % worker)) != "rrto-worker":
        problems.append("it runs %s" % os.readlink("/proc/%d/exe" % worker))
    threads = os.listdir("/proc/%d/task" % worker)
    for thread in threads:
        status = read(worker, "task", thread, "status")
        if not re.search(r"^NoNewPrivs:\t1$", status, re.M) or not re.search(r"^Seccomp:\t2$", status, re.M):
            problems.append("a thread without no-new-privileges or filter: %s" % read(worker, "task", thread, "comm").strip())
    if len(threads) < 3:
        problems.append("only %d threads: examined too early" % len(threads))
    if not re.search(r"^Max core file size +0 +0 ", read(worker, "limits"), re.M):
        problems.append("it may dump core")
    targets = {int(fd): os.readlink("/proc/%d/fd/%s" % (worker, fd)) for fd in os.listdir("/proc/%d/fd" % worker)}
    own = [re.escape(targets[fd]) if targets[fd].startswith("pipe:") else "a pipe" for fd in (1, 2)]
    for fd, target in sorted(targets.items()):
        allowed = {0: r"/dev/null", 1: own[0], 2: own[1], 3: r"socket:.*", 4: r"socket:.*", 5: own[0], 6: own[1], 16: r".*"}
        if not re.fullmatch(allowed.get(fd, r"/memfd:soft-gpu-memory .*"), target):
            problems.append("descriptor %s: %s" % (fd, target))
    if targets[16] in (targets[1], targets[2]) or targets[1] == targets[2]:
        problems.append("what libraries print is the log")
    for entry in read(worker, "environ").split("\0"):
        if re.match(r"RRTO_|LD_PRELOAD|LD_AUDIT|PYTHON", entry):
            problems.append("environment: " + entry)


def workers_below(pid):
    found = []
    for child in children(pid):
        if os.path.basename(os.readlink("/proc/%d/exe" % child)) == "rrto-worker":
            found.append(child)
        found += workers_below(child)
    return found


def problems_in(program, words):
    problems = []
    with tempfile.TemporaryFile("w+") as inherited:
        process = subprocess.Popen(words + ["--", program], env=environment(LD_AUDIT="", PYTHONPATH="/nowhere", RRTO_LOG="warn"),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   pass_fds=[inherited.fileno()])
        try:
            if process.stdout.readline() != "working\n":
                return ["the program never worked"]
            workers = workers_below(process.pid)
            if len(workers) != 1:
                problems.append("%d workers" % len(workers))
            else:
                examine(workers[0], problems)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    return problems


if __name__ == "__main__":
    OPTIONS = arguments(__doc__, "program")
    sys.exit(judge_all(OPTIONS, lambda _, words: problems_in(OPTIONS.program, words)))
