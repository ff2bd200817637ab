# SPDX-License-Identifier: Apache-2.0
"""rrto calibrate on a made-up sensor. A sensor whose power never changes shows that every state is measured and fitted; one that changes with what
runs shows that the states are told apart."""

import os
import subprocess
import tempfile
import unittest

from fake_chip import FakeChip

RRTO = os.path.join(os.environ["BUILD_DIR"], "bin", "rrto")
QUICK = ["--window", "0.1", "--rounds", "3", "--settle", "0"]


class Calibrate(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.chip = FakeChip(self.folder + "/sys")

    def serve(self):
        address = "unix:" + self.folder + "/peer"
        peer = subprocess.Popen([RRTO, "calibrate", "--serve", address], stdout=subprocess.PIPE, text=True)
        self.addCleanup(peer.stdout.close)
        self.addCleanup(peer.wait)
        self.addCleanup(peer.terminate)
        self.assertEqual(peer.stdout.readline(), f"listening on {address}\n")
        return address

    def calibrate(self, *arguments):
        return subprocess.run([RRTO, "calibrate", "--sys", self.folder + "/sys", *QUICK, *arguments], capture_output=True, text=True, timeout=100)

    def states(self, text):
        lines = [line.split(None, 3) for line in text.splitlines()]
        self.assertEqual(lines[0][0], "device")
        return {line[0]: (float(line[1]), line[2], line[3]) for line in lines[1:]}

    def test_every_state_is_measured(self):
        result = self.calibrate("--device", "a board", "--peer", self.serve(), "--", "sleep", "100")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.startswith("device a board\n"))
        states = self.states(result.stdout)
        self.assertEqual(sorted(states), ["compute", "dispatch", "idle", "receive", "transmit", "wait"])
        for watts, origin, source in states.values():
            self.assertEqual((watts, origin), (5.0, "calibrated:"))
            self.assertIn("INA3221, rail VDD_IN; 3 windows of 0.1 s, standard error 0.000 W", source)

    def test_states_are_told_apart_and_the_rest_comes_from_the_base(self):
        change = subprocess.Popen([RRTO, "calibrate", "--sys", self.folder + "/sys", *QUICK, "--window", "0.4", "--base", "laptop"], stderr=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        for line in change.stderr:  # the state that begins
            self.chip.put("curr1_input", "3000" if line.endswith("dispatch\n") else "1000")
        states = self.states(change.stdout.read())
        change.stdout.close()
        change.stderr.close()
        self.assertEqual(change.wait(), 0)
        self.assertEqual(states["idle"][1:2], ("calibrated:",))
        self.assertLess(states["idle"][0], 8)
        self.assertGreater(states["dispatch"][0], 10)
        self.assertEqual(states["compute"][:2], (35.0, "assumed:"))

    def test_what_cannot_be_measured_is_said(self):
        result = self.calibrate("--peer", "unix:/no/such/peer", "--", "sleep", "100")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("rrto bench calibrate --serve", result.stderr)
        result = self.calibrate("--base", "laptop", "--", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("true ended too early", result.stderr)
        self.chip.put("curr1_input", "0")
        result = self.calibrate("--base", "laptop")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("no power is drawn", result.stderr)
        result = self.calibrate()
        self.assertEqual(result.returncode, 2)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
