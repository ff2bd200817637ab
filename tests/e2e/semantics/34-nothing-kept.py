#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recordings and modules are kept in memory only, so nobody can tamper with them: a run leaves no file where it could (home, temporary, runtime
and cache folders, the working folder), holds none open for writing but its counters, and the next run begins as the first one did.

    34-nothing-kept.py [--seeds N] [--first SEED] [--only MODE] PROGRAM ENDLESS     (programs/frames.c, programs/endless.c)

Rule: 34
Seen to fail: the client leaves a file in the home folder at its end: it is named; a trace is always written (into the working folder): it is
named, after the run and while one works.
"""

import json
import os
import subprocess
import sys
import tempfile

from ways import arguments, environment, judge_all

PLACES = {"HOME": "home", "TMPDIR": "tmp", "XDG_RUNTIME_DIR": "runtime", "XDG_CACHE_HOME": "cache", "XDG_DATA_HOME": "data",
          "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state"}


def files_below(folder):
    found = []
    for at, folders, files in os.walk(folder):
        found += [os.path.relpath(os.path.join(at, name), folder) for name in folders + files]
    return sorted(found)


def written_by(pid, found):
    """Regular files that the process and its descendants hold open for writing, or mapped shared and writable."""
    for fd in os.listdir("/proc/%d/fd" % pid):
        path = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        with open("/proc/%d/fdinfo/%s" % (pid, fd)) as info:
            flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags:"))
        if flags & os.O_ACCMODE and path.startswith("/") and not path.startswith(("/dev/", "/memfd:")):
            found.add(path)
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            parts = line.split()
            if parts[1].startswith("rw-s") and len(parts) > 5 and not parts[5].startswith(("/dev/", "/memfd:")):
                found.add(parts[5])
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
            for child in file.read().split():
                written_by(int(child), found)
    return found


def placed(folder):
    return environment(**{name: os.path.join(folder, place) for name, place in PLACES.items()})


def run(words, folder, number, program):
    report = "%s-%d.json" % (folder, number)
    subprocess.run(words + ["--report", report, "--", program], env=placed(folder), cwd=os.path.join(folder, "work"), check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    with open(report) as file:
        found = json.load(file)
    os.unlink(report)
    return [found[name] for name in ("ops", "ops_literal")]


def look_inside(words, folder, program):
    process = subprocess.Popen(words + ["--", program], env=placed(folder), cwd=os.path.join(folder, "work"), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if process.stdout.readline() != "working\n":
            return ["the program never worked"]
        found = {os.path.basename(path).split("-")[0] for path in written_by(process.pid, set())}
        return [] if found == {"client"} else ["files written: %r" % sorted(found)]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def problems_in(words, program, endless):
    problems = []
    with tempfile.TemporaryDirectory() as parent:
        folder = os.path.join(parent, "all")
        for place in list(PLACES.values()) + ["work"]:
            os.makedirs(os.path.join(folder, place), mode=0o700)
        before = files_below(folder)
        first = run(words, folder, 1, program)
        if files_below(folder) != before:
            problems.append("left behind: %r" % sorted(set(files_below(folder)) - set(before)))
        second = run(words, folder, 2, program)
        if first != second or first[1] == 0:
            problems.append("the second run began otherwise than the first: ops and literal ones %r, then %r" % (first, second))
        problems += look_inside(words, folder, endless)
    return problems


if __name__ == "__main__":
    OPTIONS = arguments(__doc__, "program", "endless")
    sys.exit(judge_all(OPTIONS, lambda _, words: problems_in(words, os.path.abspath(OPTIONS.program), os.path.abspath(OPTIONS.endless))))
