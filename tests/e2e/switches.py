#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each name of RRTO_DISABLE switches off what it says: a program that has something for it runs in replay with and without it; the
figure that it is to move has moved, by half of what it does or more, and the output is that of mode plain.

    switches.py PROGRAM     (programs/switches.c)

Seen to fail: connect.c asks for another name than it should, whichever of the fifteen: that row is wrong; a name is added to the
table of src/base/config.h: it has no row.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile

from killed import RRTO

BUILD = os.path.dirname(os.path.dirname(RRTO))
LIMIT_S = int(os.environ.get("TEST_LIMIT_S", 60))
NONE_LEFT = "none left"

# name: figure, how much it moves by at least, with its sign. `changed`: bytes that differ from the ops that they were predicted from, by
# the trace; the others are the report's.
SWITCHES = {
    "elide": ("ops_elided", NONE_LEFT),
    "memo": ("ops_memoised", NONE_LEFT),
    "predict": ("ops_predicted", NONE_LEFT),
    "long": ("ops_predicted", -45),
    "resume": ("changed", 75),
    "short": ("ops_literal", 200),
    "values": ("ops_predicted", -24),
    "once": ("ops_predicted", -8),
    "insist": ("ops_literal", 13),
    "patch": ("ops_patched", NONE_LEFT),
    "counters": ("ops_predicted", -60),
    "pointers": ("ops_predicted", -130),
    "early": ("frames_up", 12),
    "push": ("round_trips", 46),
    "codec": ("payload_coded_up", NONE_LEFT),
}
NEEDS_A_LINK = ["codec"]  # that is slow: else nothing is coded


def documented():
    """The names, as docs/environment.md has them, which lint compares with the table, and as docs/replay.md has them."""
    page = subprocess.run([os.path.join(BUILD, "tools", "environment-page")], capture_output=True, text=True, check=True).stdout
    with open(os.path.join(os.environ["SOURCE_DIR"], "docs", "replay.md"), encoding="utf-8") as file:
        switches = file.read().split("## Switches")[1]
    return re.search(r"`RRTO_DISABLE` .* to switch off: ([\w, ]+) \|", page)[1].split(", "), re.search(r"`RRTO_DISABLE=([\w,]+)`", switches)[1].split(",")


@contextlib.contextmanager
def slow_server(folder):
    reading, writing = os.pipe()
    words = [os.path.join(BUILD, "bin", "rrtod"), "--device", "soft", "--listen", "unix:%s/rrtod" % folder, "--ready-fd", str(writing), "--log", "error"]
    with subprocess.Popen(words, pass_fds=[writing]) as server:
        os.close(writing)
        os.read(reading, 100)
        os.close(reading)
        words = [RRTO, "link", "--listen", "127.0.0.1:0", "--to", "unix:%s/rrtod" % folder, "--rate", "100"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as link:
            yield ["--server", link.stdout.readline().split()[2]]
            link.terminate()
            link.communicate()  # it prints what has passed
        server.terminate()


def run(words, program, name, folder, **variables):
    """(output, figures)"""
    trace, report = folder + "/trace", folder + "/report.json"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RRTO_")}
    done = subprocess.run([RRTO, "run", *words, "--report", report, "--", program, name], env=dict(environment, RRTO_TRACE=trace, **variables),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode != 0 or "warn" in done.stderr:
        return "exit status %d: %s" % (done.returncode, done.stderr), {}
    counts = subprocess.run([RRTO, "dump", "--counts", trace], capture_output=True, text=True, check=True, timeout=LIMIT_S).stdout
    with open(report, encoding="utf-8") as file:
        figures = json.load(file)
    return done.stdout, dict(figures, changed=sum(int(line.split()[5]) for line in counts.splitlines()[1:]))


def problems_of(name, words, program, folder):
    figure, least = SWITCHES[name]
    oracle, _ = run(["--mode", "plain"], program, name, folder)
    output, on = run(words, program, name, folder)
    output_off, off = run(words, program, name, folder, RRTO_DISABLE=name)
    if not (oracle == output == output_off and oracle.startswith(name + ": ")):
        return "the output is %r, %r, without %s %r" % (oracle, output, name, output_off)
    print("    %s: %d, without %d" % (figure, on[figure], off[figure]))
    change = off[figure] - on[figure]
    moved = on[figure] > 0 and off[figure] == 0 if least == NONE_LEFT else change >= least if least > 0 else change <= least
    return None if moved else "%s is to be moved: %s" % (figure, least)


def main():
    program, failures = sys.argv[1], 0
    for names in documented():
        if names != list(SWITCHES):
            print("FAILED: documented are %s, tested %s" % (names, list(SWITCHES)))
            failures += 1
    with tempfile.TemporaryDirectory() as folder:
        for name in SWITCHES:
            with slow_server(folder) if name in NEEDS_A_LINK else contextlib.nullcontext([]) as words:
                problem = problems_of(name, words, program, folder)
            print("%-9s %s" % (name, "FAILED: " + problem if problem else "ok"), flush=True)
            failures += bool(problem)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
