#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the worker, and of rrtod, while a program works, waiting, writing, or waiting for a host function that never
returns: a sticky error within three seconds, no hang, no signal, a report. The session is over: it is not resumed, and nothing is ever run again.

    killed.py PROGRAM     (programs/endless.c)

Rule: 24, 30, 32
Seen to fail: a lost session is no sticky error: the last lines are wrong, whoever is killed, in replay, async and percall; sockets are written
without MSG_NOSIGNAL: now and then a program that is writing dies of SIGPIPE; who waits for a host function does not receive: it hangs,
whoever is killed, in replay, async and percall.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

RRTO = os.path.join(os.environ.get("BUILD_DIR", "build"), "bin", "rrto")
LIMIT_S = 3.0


def children(pid):
    """(pid, command line) of the children of pid, which are ours alone: pid was started here."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % entry) as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            if parent == pid:
                with open("/proc/%s/cmdline" % entry) as file:
                    found.append((int(entry), file.read().replace("\0", " ").strip()))
        except (OSError, IndexError):
            continue
    return found


def private_rrtod(pid):
    """The one below `rrto run`, which is pid."""
    for child, line in children(pid):
        if os.path.basename(line.split(" ")[0]) == "rrtod":
            return child
    return None


def try_killing(who, mode, run, program, folder, server=None):
    """What went wrong, as lines. run: the words of `rrto run`; program: those of the program; server: the rrtod, if it is not private."""
    report = os.path.join(folder, "%s-%s.json" % (who, mode))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RRTO_")}
    process = subprocess.Popen(run + ["--mode", mode, "--report", report, "--"] + program, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    problems = []
    try:
        if process.stdout.readline() != "working\n":
            return ["the program never worked: " + process.communicate(timeout=20)[1]]
        rrtod = server or private_rrtod(process.pid)
        victim = rrtod
        if who == "worker" and rrtod:
            victim = next((child for child, _ in children(rrtod)), None)
        if victim is None:
            return ["no %s to kill among %r" % (who, children(process.pid))]
        started = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        try:
            out, err = process.communicate(timeout=LIMIT_S + 7)
        except subprocess.TimeoutExpired:
            return ["still running %.1f s after %s was killed" % (LIMIT_S + 7, who)]
        took = time.monotonic() - started
        if took > LIMIT_S:
            problems.append("took %.1f s" % took)
        if process.returncode != 0:
            problems.append("exit status %d" % process.returncode)
        lines = out.splitlines()
        if len(lines) != 2 or not lines[0].startswith("error 46 ") or lines[1] != "again 46, last error 46 46":
            problems.append("printed %r" % lines)
        if not any(line.startswith("rrto: error: ") for line in err.splitlines()):
            problems.append("no word about it on stderr: %r" % err)
        with open(report) as file:
            if json.load(file).get("round_trips", 0) < 20:
                problems.append("the report does not know of the work")
    except (OSError, ValueError) as error:
        problems.append("report: %s" % error)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return problems


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for who in ("worker", "rrtod"):
            for mode in ("replay", "async", "percall"):
                for how in ([], ["writing"], ["freeing"]):
                    problems = try_killing(who, mode, [RRTO, "run"], sys.argv[1:2] + how, folder)
                    print("%-8s %-8s %-8s %s" % (who, mode, " ".join(how), "FAILED" if problems else "ok"))
                    for problem in problems:
                        print("    " + problem)
                    failures += bool(problems)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
