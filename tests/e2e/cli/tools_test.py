# SPDX-License-Identifier: Apache-2.0
"""The other subcommands on a real run of examples/vectoradd.c: report, stats, trace, dump, search, doctor."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ["BUILD_DIR"]
RRTO, RRTOD, PROGRAM = BUILD + "/bin/rrto", BUILD + "/bin/rrtod", BUILD + "/examples/vectoradd"


def rrto(*arguments, **options):
    return subprocess.run([RRTO, *arguments], capture_output=True, text=True, timeout=60, **options)


class Tools(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="rrto-tools-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.report, cls.trace = cls.folder + "/report.json", cls.folder + "/trace"
        cls.run_result = rrto("run", "--report", cls.report, PROGRAM, env=dict(os.environ, RRTO_TRACE=cls.trace))

    def test_the_program_ran(self):
        self.assertEqual(self.run_result.returncode, 0, self.run_result)

    def test_stats_shows_what_the_report_holds(self):
        with open(self.report) as file:
            content = json.load(file)
        self.assertGreater(content["ops"], 0)
        self.assertGreater(content["round_trips"], 0)
        self.assertEqual(len(content["processes"]), 1)
        shown = rrto("stats", self.report)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertRegex(shown.stdout, rf"(?m)^round_trips +{content['round_trips']:,}$")
        self.assertRegex(shown.stdout, r"(?m)^    program +vectoradd$")
        broken = self.folder + "/broken.json"
        with open(self.report) as file, open(broken, "w") as half:
            half.write(file.read()[:500])
        self.assertEqual(rrto("stats", broken).returncode, 1)

    def test_dump_prints_every_op_of_the_report(self):
        with open(self.report) as file:
            content = json.load(file)
        dumped = rrto("dump", self.trace)
        self.assertEqual((dumped.returncode, dumped.stderr), (0, ""))
        lines = dumped.stdout.splitlines()
        self.assertEqual(len(lines), content["ops"])
        self.assertTrue(any("launch" in line for line in lines), dumped.stdout)
        counts = rrto("dump", "--counts", self.trace)
        total = sum(int(line.split()[0]) for line in counts.stdout.splitlines()[1:])
        self.assertEqual(total, content["ops"])
        self.assertEqual(rrto("dump", self.report).returncode, 1)

    def test_dump_shows_what_is_asked_for(self):
        def dump(*options):
            result = rrto("dump", *options, self.trace)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            return result.stdout.splitlines()

        ops = dump()
        launches = [line for line in ops if " launch(" in line]
        self.assertEqual(dump("--op", "launch"), launches)
        self.assertEqual(dump("--op", "mem_alloc,launch"), [line for line in ops if " launch(" in line or " mem_alloc(" in line])
        self.assertEqual(dump("--from", "3", "--to", "5"), ops[3:6])
        self.assertEqual(dump("--lane", "0"), ops)
        self.assertEqual(dump("--lane", "1"), [])
        self.assertEqual([line for how in ("lit", "pred", "patch") for line in dump("--how", how)],
                         [line for how in ("lit", "pred", "patch") for line in ops if line.split()[4] == how])
        self.assertRegex(dump("--kernels", "--op", "launch")[1], r"^ +kernel vector_add$")
        changes = dump("--changes", "--how", "patch")
        self.assertGreater(len(changes), 1)
        changed = 0
        for line in changes:
            if " at " in line:
                found = re.fullmatch(r" +at \d+: (\w+) -> (\w+)", line)
                self.assertEqual(len(found[1]), len(found[2]), line)
                self.assertNotEqual(found[1], found[2])
                changed += len(found[1]) // 2
        totals = json.loads(rrto("search", "--json", self.trace).stdout)
        self.assertEqual(changed, totals["changed_bytes"])
        counts = dump("--counts", "--how", "patch")
        self.assertEqual(sum(int(line.split()[5]) for line in counts[1:]), totals["changed_bytes"])
        self.assertEqual(sum(int(line.split()[4]) for line in counts[1:]), totals["patched"])

    def test_search_says_what_the_run_did(self):
        with open(self.report) as file:
            content = json.load(file)
        found = rrto("search", "--json", self.trace)
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        said = json.loads(found.stdout)
        self.assertEqual(said["as_traced"], content["ops"])
        for key, of_report in (("ops", "ops"), ("literals", "ops_literal"), ("patched", "ops_patched")):
            self.assertEqual(said[key], content[of_report], key)
        self.assertEqual(said["payload_up"], 2 * 200_000)  # its two vectors; the report's sum has the module, too
        self.assertEqual(said["predicted"] + said["jumps"], content["ops_predicted"] + content["ops_patched"])
        self.assertEqual(len(said["inferences"]), content["inferences"])
        self.assertGreater(said["cost"]["ns_per_op"], 0)
        self.assertGreater(said["cost"]["resident_bytes"], 0)
        shown = rrto("search", self.trace)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn(f"{content['ops']} ops in {content['inferences']} inference", shown.stdout)
        one = rrto("search", "--json", "--frame", "1000000000000", self.trace)  # no input is as large: all is one frame
        self.assertEqual(len(json.loads(one.stdout)["inferences"]), min(1, content["inferences"]))

    def test_search_says_where(self):
        shown = rrto("search", "--where", "--from", "1", self.trace)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        rows = [line.split() for line in shown.stdout.split("  op\n")[1].splitlines()]
        (inference,) = json.loads(rrto("search", "--json", self.trace).stdout)["inferences"]
        for column, key in ((1, "jumps"), (2, "literals"), (3, "changed_bytes")):
            self.assertEqual(sum(float(row[column]) for row in rows), inference[key], (key, rows))
        self.assertIn(["launch", "of", "vector_add"], [row[4:] for row in rows])

    def test_search_on_what_is_no_whole_trace(self):
        with open(self.trace, "rb") as file:
            whole = file.read()

        def search(name, content):
            with open(f"{self.folder}/{name}", "wb") as file:
                file.write(content)
            result = rrto("search", f"{self.folder}/{name}")
            self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1), result)
            return result

        missing = rrto("search", self.folder + "/missing")
        self.assertEqual((missing.returncode, missing.stdout), (1, ""))
        self.assertIn("No such file", missing.stderr)
        self.assertIn("not a trace", search("text", b"no trace at all, but long enough for the head of one").stderr)
        self.assertIn("not a trace", search("short", whole[:20]).stderr)
        self.assertIn("no op in it", search("empty", whole[:32]).stderr)
        self.assertIn("ends within a block", search("cut", whole[:-1]).stderr)
        self.assertIn("damaged", search("damaged", whole[:-1] + bytes([whole[-1] ^ 1])).stderr)
        # What came before is shown.
        twice = search("twice", whole + whole[32:])
        self.assertIn("not the one that follows", twice.stderr)
        self.assertRegex(twice.stdout, r"\d+ ops in \d+ inference")
        self.assertIn("ends within a block", search("tail", whole + whole[32:50]).stderr)

    def test_doctor_on_a_healthy_installation(self):
        socket, (reading, writing) = self.folder + "/rrtod.sock", os.pipe()
        server = subprocess.Popen(
            [RRTOD, "--device", "soft", "--listen", "unix:" + socket, "--ready-fd", str(writing), "--log", "error"],
            pass_fds=[writing],
        )
        os.close(writing)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        self.assertTrue(os.read(reading, 100))
        os.close(reading)
        result = rrto("doctor", "--server", "unix:" + socket, "--report", self.report)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        self.assertRegex(result.stdout, r"(?m)^  libcudart\.so\.13 +/.*/doors/libcudart\.so\.13$")
        self.assertRegex(result.stdout, r"(?m)^  libnvrtc\.so\.13 +/.*/fallback/libnvrtc\.so\.13$")
        self.assertIn("soft GPU", result.stdout)
        self.assertGreater(int(re.search(r"memory for a session: (\d+) MiB", result.stdout).group(1)), 64)
        self.assertRegex(result.stdout, r"cuBLAS 1\d{5}, cuBLASLt 1\d{5}, cuDNN \d{5} ")
        round_trip = float(re.search(r"round trip ([\d.]+) ms", result.stdout).group(1))
        self.assertGreater(round_trip, 0)
        self.assertIn("unsupported calls", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^energy: (no sensor: no INA3221 .*; no RAPL .*; no battery|a sensor that|\w+.*, read every \d+ ms)")

    def test_doctor_names_what_is_wrong(self):
        result = rrto("doctor", "--server", "unix:/no/such/socket")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.count("NOT IN ORDER"), 1)

    def test_preload_prints_the_doors(self):
        result = rrto("preload", env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"})
        self.assertEqual(result.returncode, 0)
        paths = [path for path in result.stdout.strip().split(":") if "/doors/" in path]
        self.assertGreaterEqual(len(paths), 7)
        self.assertTrue(all(os.path.isfile(path) for path in paths))


if __name__ == "__main__":
    if not (os.path.exists(PROGRAM) and os.path.exists(RRTOD)):
        print("skipped: vectoradd or rrtod is not part of this build")
        sys.exit(77)
    unittest.main(warnings="ignore")
