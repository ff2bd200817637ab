# SPDX-License-Identifier: Apache-2.0
"""Help and wrong use of rrto and its subcommands."""

import os
import subprocess
import unittest

RRTO = os.path.join(os.environ["BUILD_DIR"], "bin", "rrto")


def rrto(*arguments, **options):
    return subprocess.run([RRTO, *arguments], capture_output=True, text=True, timeout=20, **options)


class Usage(unittest.TestCase):
    def test_help_goes_to_standard_output(self):
        listed = rrto("--help")
        self.assertEqual((listed.returncode, listed.stderr), (0, ""))
        names = [line.split()[0] for line in listed.stdout.split("Commands:")[1].splitlines() if line.startswith("  ")]
        names = [name for name in names if not name.startswith("-")]
        self.assertGreaterEqual(len(names), 6)
        for name in names:
            with self.subTest(command=name):
                result = rrto(name, "--help")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                known_as = "bench calibrate" if name == "calibrate" else name  # two names, one of them documented
                self.assertTrue(result.stdout.startswith(f"Usage: rrto {known_as}"))

    def test_version(self):
        result = rrto("--version")
        self.assertRegex(result.stdout, r"^rrto \d+\.\d+\.\d+ \(\S+\)\n$")

    def test_wrong_use_is_one_sentence_and_status_2(self):
        cases = [
            (),
            ("nonsense",),
            ("run",),
            ("run", "--nonsense", "true"),
            ("run", "--mode"),
            ("run", "--mode", "fast", "true"),
            ("run", "--server", "no:such:address", "true"),
            ("run", "--server", "localhost:1", "--compute", "skip", "true"),
            ("preload", "extra"),
            ("link",),
            ("link", "--listen", "127.0.0.1:0"),
            ("link", "--listen", "127.0.0.1:0", "--to", "x:1", "--rate", "-3"),
            ("link", "--listen", "127.0.0.1:0", "--to", "x:1", "--delay", "5ms"),
            ("dump",),
            ("dump", "--op", "nonsense", "file"),
            ("dump", "--op", "", "file"),
            ("dump", "--how", "slowly", "file"),
            ("dump", "--lane", "-1", "file"),
            ("dump", "--from"),
            ("search",),
            ("search", "--from", "0", "file"),
            ("search", "--frame", "many", "file"),
            ("search", "--log-bytes", "1", "file"),
            ("search", "--nonsense", "file"),
            ("stats",),
            ("doctor", "--nonsense"),
        ]
        for case in cases:
            with self.subTest(arguments=case):
                result = rrto(*case)
                self.assertEqual(result.returncode, 2, result)
                self.assertEqual(result.stdout, "")
                self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
                self.assertTrue(result.stderr.startswith("rrto: "))

    def test_a_full_device_is_noticed(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([RRTO, "--help"], stdout=full, stderr=subprocess.PIPE)
        self.assertNotEqual(result.returncode, 0)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
