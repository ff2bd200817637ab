#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a program that writes a trace and issues so few ops that they fill no block: the trace has all but the last second
or two (docs/trace.md), and rrto dump and rrto search read it.

    traced.py PROGRAM     (programs/endless.c)

Seen to fail: a block is written only where it is full: the program that goes on leaves none before it has issued 256 KiB of ops, the
one that hangs none at all; the flusher does not look at the trace: the one that hangs leaves none.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from killed import RRTO, children

RRTOD = os.path.join(os.path.dirname(RRTO), "rrtod")
LIMIT_S = int(os.environ.get("TEST_LIMIT_S", 60))
HEAD_BYTES, OP_HEAD_BYTES, BLOCK_BYTES = 32, 40, 256 << 10  # docs/trace.md
TRUNCATED = "ends within a block|truncated"


def rrto(*words):
    return subprocess.run([RRTO, *words], capture_output=True, text=True, timeout=LIMIT_S)


class Traced(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.trace, self.report = folder.name, folder.name + "/trace", folder.name + "/report.json"

    def slow_server(self):
        """The address of an rrtod behind a link that is slow: a program that waits twice in a round issues some fifty ops a second."""
        reading, writing = os.pipe()
        server = subprocess.Popen([RRTOD, "--device", "soft", "--listen", "unix:%s/rrtod" % self.folder, "--ready-fd", str(writing), "--log", "error"],
                                  pass_fds=[writing])
        os.close(writing)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertTrue(os.read(reading, 100))
        os.close(reading)
        link = subprocess.Popen([RRTO, "link", "--listen", "127.0.0.1:0", "--to", "unix:%s/rrtod" % self.folder, "--delay", "10"],
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(link.stdout.close)
        self.addCleanup(link.wait)
        self.addCleanup(link.kill)
        return link.stdout.readline().split()[2]

    def start(self, *words, server=()):
        """Runs the program until it says that it works."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RRTO_")}
        process = subprocess.Popen([RRTO, "run", *server, "--report", self.report, "--", PROGRAM, *words], env=dict(environment, RRTO_TRACE=self.trace),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "working\n")
        return process

    def until(self, holds):
        started = time.monotonic()
        while not holds():
            self.assertLess(time.monotonic() - started, LIMIT_S / 3, "the trace has %d bytes" % os.path.getsize(self.trace))
            time.sleep(0.02)

    def kill(self, process):
        (victim,) = (child for child, line in children(process.pid) if os.path.basename(PROGRAM) in line)
        os.kill(victim, signal.SIGKILL)
        self.assertEqual(process.wait(LIMIT_S), -signal.SIGKILL)  # rrto run ends as its command does

    def dumped(self):
        """The lines of rrto dump, from position 0 on without a gap; a kill in the middle of write(2) may leave half a block."""
        result = rrto("dump", self.trace)
        if result.returncode != 0 or result.stderr:
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, TRUNCATED)
        lines = result.stdout.splitlines()
        self.assertEqual([int(line.split()[0]) for line in lines], list(range(len(lines))))
        return lines

    def check_small(self, n):
        """The n ops would not have filled a block."""
        counts = rrto("dump", "--counts", self.trace).stdout.splitlines()[1:]
        self.assertLess(sum(int(line.split()[1]) for line in counts) + n * OP_HEAD_BYTES, BLOCK_BYTES)

    def check_search(self, n):
        result = rrto("search", self.trace)
        self.assertIn((result.returncode, bool(re.search(TRUNCATED, result.stderr))), ((0, False), (1, True)), result.stderr)
        self.assertIn("%d ops in" % n, result.stdout)

    def test_a_program_that_goes_on(self):
        process = self.start(server=("--server", self.slow_server()))
        self.until(lambda: os.path.getsize(self.trace) > HEAD_BYTES)
        size = os.path.getsize(self.trace)
        self.until(lambda: os.path.getsize(self.trace) > size)
        self.kill(process)
        lines = self.dumped()
        self.check_small(len(lines))
        self.assertGreater(float(lines[-1].split()[1]), 1000)
        self.check_search(len(lines))
        with open(self.report, encoding="utf-8") as file:
            self.assertLessEqual(len(lines), json.load(file)["ops"])

    def test_a_program_that_hangs(self):
        process = self.start("freeing")
        self.until(lambda: any(" stream_gate(" in line for line in self.dumped()))  # its last op
        self.kill(process)
        lines = self.dumped()
        self.assertIn(" stream_gate(", lines[-1])
        self.check_search(len(lines))
        with open(self.report, encoding="utf-8") as file:
            self.assertEqual(len(lines), json.load(file)["ops"])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(warnings="ignore")
