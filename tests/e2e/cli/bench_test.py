# SPDX-License-Identifier: Apache-2.0
"""rrto bench and rrto run --inferences on a small program (tests/e2e/programs/camera.c) over the soft GPU and an emulated link."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ["BUILD_DIR"]
SPLIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench/split/split.py")
RRTO, CAMERA = BUILD + "/bin/rrto", BUILD + "/tests/e2e/camera"
PHASES = ["dispatch", "upload", "link", "queue", "compute", "download"]
MODES = ["percall", "percall-device", "async", "replay"]
FRAMES, ROUNDS, WARMUP = 40, 2, 3
PNG = b"\x89PNG\r\n\x1a\n"


def rrto(*arguments, limit_s=120, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RRTO_")}
    return subprocess.run([RRTO, *arguments], capture_output=True, text=True, timeout=limit_s, env=dict(environment, **variables))


def inferences(path):
    """The processes and inferences of a file that rrto run --inferences has written."""
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    return [line for line in lines if "process" in line], [line for line in lines if "inference" in line]


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="rrto-bench-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)


class Inferences(Folder):
    def run_camera(self, mode, *arguments, **variables):
        path = f"{self.folder}/{mode}.jsonl"
        result = rrto("run", "--mode", mode, "--inferences", path, CAMERA, "--frames", "12", *arguments, **variables)
        self.assertEqual(result.returncode, 0, result)
        processes, found = inferences(path)
        self.assertEqual(len(processes), 1)
        self.assertEqual(processes[0]["inferences"], len(found))
        self.assertEqual([one["inference"] for one in found], list(range(1, len(found) + 1)))
        return processes[0], found

    def test_phases_add_up_in_every_mode(self):
        for mode in MODES:
            process, found = self.run_camera(mode)
            self.assertEqual(process["mode"], mode)
            self.assertEqual(len(found), 12, mode)
            for one in found:
                self.assertEqual(sum(one[phase + "_ns"] for phase in PHASES), one["total_ns"], one)
                self.assertEqual(one["total_ns"], one["end_ns"] - one["start_ns"] + one["before_ns"], one)
                self.assertGreater(one["round_trips"], 0)
                self.assertEqual(one["ops"], one["ops_literal"] + one["ops_predicted"] + one["ops_patched"])
                waits = one["total_ns"] - one["dispatch_ns"]
                self.assertEqual(waits, one["blocked_ns"], one)  # one thread
            for one, after in zip(found, found[1:]):
                self.assertLessEqual(one["end_ns"], after["start_ns"])

    def test_marks_decide(self):
        for results in (1, 3):
            process, found = self.run_camera("async", "--mark", str(results))
            # before the first mark the rule holds: each result of the first frame ends one
            self.assertEqual((process["marked"], len(found)), (1, 11 + results))
            for one in found[results:]:
                self.assertEqual(one["round_trips"], results)

    def test_without_rrto_a_mark_does_nothing(self):
        done = subprocess.run([CAMERA, "--device", "cpu", "--mark", "1"], timeout=20,
                              env=dict(os.environ, LD_LIBRARY_PATH=BUILD + "/lib/rrto/doors"))
        self.assertEqual(done.returncode, 0)

    def test_a_killed_program_leaves_them(self):
        path = self.folder + "/killed.jsonl"
        result = rrto("run", "--inferences", path, "timeout", "-s", "KILL", "3", BUILD + "/tests/e2e/endless")
        self.assertNotEqual(result.returncode, 0)
        processes, found = inferences(path)
        self.assertEqual(len(processes), 1, result)
        self.assertGreater(len(found), 0)

    def test_a_full_run_folder_does_not_end_the_program(self):
        script = 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && XDG_RUNTIME_DIR="$FULL" exec "$@"'
        command = ["unshare", "-rm", "sh", "-c", script, "sh", self.folder, RRTO, "run", "--mode", "async", "--inferences", "/dev/null",
                   CAMERA, "--frames", "6000", "--check", "no"]
        if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", self.folder], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no mount namespace can be made here")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RRTO_")}
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(environment, FULL=self.folder))
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("the inferences of this process will be missing", result.stderr)

    def test_stated_compute_comes_before_all_of_a_large_result(self):
        for mode in MODES:
            path = f"{self.folder}/large.jsonl"
            result = rrto("run", "--mode", mode, "--compute", "40", "--inferences", path, CAMERA, "--frames", "6", "--large", "3000000",
                          "--check", "no")
            self.assertEqual(result.returncode, 0, result)
            for one in inferences(path)[1]:
                self.assertGreaterEqual(one["total_ns"] - one["download_ns"], 40e6, mode)  # its first byte is no earlier

    def test_an_open_loop_keeps_its_time(self):
        _, found = self.run_camera("replay", RRTO_PERIOD_US="20000")
        planned = [one["planned_ns"] for one in found]
        self.assertEqual(planned[0], 0)  # the first one starts when it starts
        for before, after, one in zip(planned[1:], planned[2:], found[2:]):
            self.assertEqual(after - before, 20000000 * (1 + one["dropped"]))
            self.assertGreaterEqual(one["start_ns"], one["planned_ns"])


class Bench(Folder):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.outputs = {kind: f"{cls.folder}/out.{kind}" for kind in ("json", "csv", "md")}
        options = [word for kind, path in cls.outputs.items() for word in ("--" + kind, path)]
        cls.result = rrto("bench", "--sys", cls.folder + "/none", "--link", "delay=1,rate=400", "--compute", "2", "--frames", str(FRAMES), "--few-frames", "12",
                          "--rounds", str(ROUNDS), "--warmup", str(WARMUP), *options, "--", CAMERA, "--frames", "{frames}", "--device",
                          "{device}", "--times", "{times}", "--check", "no")
        if cls.result.returncode == 0:
            with open(cls.outputs["json"]) as file:
                cls.figures = json.load(file)

    def setUp(self):
        self.assertEqual(self.result.returncode, 0, self.result)
        self.modes = {mode["mode"]: mode for mode in self.figures["modes"]}

    def test_every_mode_has_its_samples(self):
        self.assertEqual(list(self.modes), ["cpu", *MODES])
        for name, mode in self.modes.items():
            wanted = 12 if name == "percall" else FRAMES
            self.assertEqual(mode["n"], wanted, name)
            self.assertEqual(mode["few"], name == "percall")
            self.assertEqual([len(one["latency_ms"]) for one in mode["rounds"]], [wanted // ROUNDS] * ROUNDS)
            self.assertEqual(sum(len(one["application_ms"]) for one in mode["rounds"]), wanted)
            self.assertEqual(mode["inferences_per_frame"], 1, name)

    def test_figures_are_those_of_the_samples(self):
        for name, mode in self.modes.items():
            samples = sorted(sample for one in mode["rounds"] for sample in one["latency_ms"])
            p50 = mode["latency_ms"]["p50"]
            self.assertEqual(p50["value"], samples[(len(samples) + 1) // 2 - 1])
            self.assertTrue(p50["low"] <= p50["value"] <= p50["high"])
            self.assertIsNone(mode["latency_ms"]["p99"])  # too few
            self.assertEqual(mode["latency_ms"]["p90"] is None, len(samples) < 36, name)
            self.assertEqual(mode["max_ms"], samples[-1])
            if name != "cpu":
                self.assertAlmostEqual(sum(mode["mean_phases_ms"].values()), mode["mean_total_ms"], places=5)
                self.assertAlmostEqual(sum(mode["states_s"].values()) * 1e3, mode["mean_total_ms"], places=5)

    def test_ratios_are_those_of_the_samples(self):
        def p50(name, kind):
            samples = sorted(sample for one in self.modes[name]["rounds"] for sample in one[kind])
            return samples[(len(samples) + 1) // 2 - 1]

        for name in self.modes:
            for other in self.modes:
                if name == other:
                    self.assertNotIn(other, self.modes[name]["p50_ratio_to"])
                    continue
                ratio = self.modes[name]["p50_ratio_to"][other]  # all have the application's clock
                self.assertAlmostEqual(ratio["value"] * p50(other, "application_ms") / p50(name, "application_ms"), 1, places=5)
                self.assertTrue(ratio["low"] <= ratio["value"] <= ratio["high"])
        self.assertLess(self.modes["replay"]["p50_ratio_to"]["percall"]["high"], 0.7)

    def test_what_was_not_measured_is_null(self):
        cpu = self.modes["cpu"]
        self.assertEqual(cpu["clock"], "application")
        self.assertTrue(all(value is None for value in cpu["mean_phases_ms"].values()))
        self.assertTrue(all(value is None for value in cpu["per_inference"].values()))
        self.assertIsNone(cpu["start"]["import_s"])
        for mode in self.modes.values():
            self.assertEqual((mode["energy"]["client_modelled"], mode["energy"]["client_measured"]), (None, None))
        self.assertIsNone(self.modes["replay"]["late"])

    def test_modes_are_what_they_promise(self):
        replay, percall = self.modes["replay"]["per_inference"], self.modes["percall"]["per_inference"]
        self.assertEqual((replay["round_trips"], self.modes["async"]["per_inference"]["round_trips"]), (1, 1))
        self.assertGreater(percall["round_trips"], 10)
        self.assertEqual(replay["ops_predicted"], replay["ops"])
        self.assertEqual(percall["ops_literal"], percall["ops"])
        for name in MODES:  # 2 ms each way, 2 ms of stated compute: no inference can be faster
            self.assertGreater(min(sample for one in self.modes[name]["rounds"] for sample in one["latency_ms"]), 4)
            self.assertGreater(self.modes[name]["mean_phases_ms"]["compute"], 1)
            self.assertGreater(self.modes[name]["mean_phases_ms"]["link"], 1.5)

    def test_compute_that_is_not_real_is_seen_everywhere(self):
        self.assertEqual((self.figures["compute"], self.figures["compute_is_real"]), ("2 ms", False))
        self.assertEqual({mode["compute"] for name, mode in self.modes.items() if name != "cpu"}, {"2 ms"})
        self.assertEqual(self.modes["cpu"]["compute"], "cpu")
        with open(self.outputs["md"]) as file:
            markdown = file.read()
        for text in (self.result.stdout, markdown):
            self.assertRegex(text, r"compute: 2 ms \(NOT the real computation")
        with open(self.outputs["csv"]) as file:
            lines = list(csv.DictReader(file))
        self.assertEqual(len(lines), 4 * FRAMES + 12)
        self.assertEqual({line["compute"] for line in lines if line["mode"] != "cpu"}, {"2 ms"})
        for line in lines:
            if line["mode"] != "cpu":
                self.assertAlmostEqual(sum(float(line[phase + "_ms"]) for phase in PHASES), float(line["total_ms"]), places=4)

    def test_table(self):
        for head in ("Latency of an inference", "Where the time goes", "Per inference", "Start"):
            self.assertIn(head, self.result.stdout)
        self.assertRegex(self.result.stdout, r"(?m)^replay +40 +\d+\.\d\d \[")
        self.assertRegex(self.result.stdout, r"(?m)^percall \* +12 ")
        self.assertIn("few inferences only", self.result.stdout)

    def test_compare(self):
        path = self.outputs["json"]
        same = rrto("bench", "compare", path, path)
        self.assertEqual((same.returncode, same.stderr), (0, ""))
        self.assertRegex(same.stdout, r"(?m)^replay +1\.000 \[0\.\d+, 1\.\d+\]")
        self.assertIn("A 2 ms (not real), B 2 ms (not real)", same.stdout)
        other = self.folder + "/other.json"
        changed = json.loads(json.dumps(self.figures))
        changed["link"] = "delay=9"
        for mode in changed["modes"]:
            for one in mode["rounds"]:
                one["latency_ms"] = [2 * sample for sample in one["latency_ms"]]
        with open(other, "w") as file:
            json.dump(changed, file)
        doubled = rrto("bench", "compare", path, other)
        self.assertRegex(doubled.stdout, r"(?m)^replay +2\.000 \[")
        self.assertRegex(doubled.stdout, r"link differs: \"delay=1,rate=400\" and \"delay=9\"")
        with open(other, "w") as file:
            file.write('{"rrto_bench": 2}')
        refused = rrto("bench", "compare", path, other)
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(rrto("bench", "compare", path).returncode, 2)


class More(Folder):
    def test_open_loop_counts(self):
        path = self.folder + "/open.json"
        result = rrto("bench", "--modes", "replay,percall,split", "--link", "delay=2", "--rate", "100", "--frames", "20", "--few-frames",
                      "8", "--rounds", "1", "--compute", "9", "--split", f"{sys.executable} {SPLIT} bytes:100:100", "--json", path, "--",
                      CAMERA, "--frames", "{frames}", "--check", "no")
        self.assertEqual(result.returncode, 0, result)
        with open(path) as file:
            figures = json.load(file)
        modes = {mode["mode"]: mode for mode in figures["modes"]}
        self.assertEqual(figures["loop"], "open loop, 100 fps")
        percall = modes["percall"]  # 15 round trips of 4 ms do not fit into 10 ms
        self.assertEqual(percall["late"], percall["n"])
        self.assertGreater(percall["dropped"], percall["n"])
        self.assertGreater(percall["latency_ms"]["p50"]["value"], 60)
        for name in ("replay", "split"):  # 4 ms of link and 9 of stated compute do not either; but two frames fit into three periods
            mode = modes[name]
            self.assertEqual(mode["late"], mode["n"], name)
            self.assertGreater(mode["dropped"], 0, name)
            self.assertGreater(mode["latency_ms"]["p50"]["value"], 13)
            self.assertAlmostEqual(sum(mode["mean_phases_ms"].values()), mode["mean_total_ms"], places=5)
        self.assertIn("Open loop", result.stdout)

    def test_split(self):
        path = self.folder + "/split.json"
        result = rrto("bench", "--modes", "replay,split", "--link", "delay=2,rate=400", "--compute", "4", "--frames", "20", "--rounds", "2",
                      "--warmup", "2", "--split", f"{sys.executable} {SPLIT} bytes:16384:16384", "--json", path, "--", CAMERA, "--frames",
                      "{frames}", "--check", "no")
        self.assertEqual(result.returncode, 0, result)
        with open(path) as file:
            replay, split = json.load(file)["modes"]
        self.assertEqual((split["mode"], split["clock"], split["n"], split["compute"]), ("split", "application", 20, "4 ms"))
        self.assertAlmostEqual(sum(split["mean_phases_ms"].values()), split["mean_total_ms"], places=5)
        for mode in (replay, split):  # 4 ms of link, 4 of stated compute, 0.3 of bytes each way
            self.assertGreater(mode["latency_ms"]["p50"]["low"], 8)
            self.assertGreater(mode["mean_phases_ms"]["compute"], 3)
        self.assertIsNone(split["per_inference"]["round_trips"])
        self.assertIsNone(split["p50_ratio_to"]["replay"])  # the camera was not asked for its times: no clock in common
        self.assertEqual(result.stdout.count("NOT the real"), 1)
        failed = rrto("bench", "--modes", "split", "--split", f"{sys.executable} {SPLIT} nonsense", "--", CAMERA)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("there is no workload 'nonsense'", failed.stderr)

    def test_settings_are_told(self):
        def measure(name, frames, **variables):
            paths = [f"{self.folder}/{name}.{kind}" for kind in ("json", "md")]
            result = rrto("bench", "--modes", "replay", "--frames", frames, "--rounds", "1", "--warmup", "1", "--json", paths[0], "--md", paths[1], "--",
                          CAMERA, "--frames", "{frames}", "--check", "no", **variables)
            self.assertEqual(result.returncode, 0, result)
            with open(paths[0]) as figures, open(paths[1]) as markdown:
                return paths[0], json.load(figures), (result.stdout, markdown.read())

        # what rrto bench sets itself, or takes away, is none of them; nor is what is empty
        plain, figures, texts = measure("plain", "8", RRTO_ENABLE="", RRTO_MODE="async", RRTO_TRACE=self.folder + "/trace")
        self.assertEqual(figures["settings"], {})
        for text in texts:
            self.assertNotIn("settings:", text)
        changed, figures, texts = measure("changed", "9", RRTO_DISABLE="codec,memo", RRTO_LOG_BYTES="1048576")
        self.assertEqual(figures["settings"], {"RRTO_DISABLE": "codec,memo", "RRTO_LOG_BYTES": "1048576"})
        for text in texts:
            self.assertRegex(text, r"(?m)^settings: RRTO_DISABLE=codec,memo; RRTO_LOG_BYTES=1048576 *$")
        self.assertEqual(figures["machine"]["n_cpus"], os.sysconf("SC_NPROCESSORS_ONLN"))
        self.assertAlmostEqual(figures["machine"]["memory_gib"], os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, delta=0.2)
        self.assertIn("cpu", figures["machine"])
        differences = rrto("bench", "compare", plain, changed).stdout
        for line in ('RRTO_DISABLE differs: - and "codec,memo"', 'RRTO_LOG_BYTES differs: - and "1048576"', "frames differs: 8 and 9"):
            self.assertIn(line + "\n", differences)
        self.assertIn('RRTO_DISABLE differs: "codec,memo" and -\n', rrto("bench", "compare", changed, plain).stdout)
        self.assertNotIn("differs", rrto("bench", "compare", changed, changed).stdout)
        del figures["settings"], figures["warmup"], figures["machine"]["cpu"]  # as older files have it
        with open(changed, "w") as file:
            json.dump(figures, file)
        differences = rrto("bench", "compare", plain, changed).stdout
        self.assertIn("settings: B does not tell them\n", differences)
        self.assertNotRegex(differences, "(warmup|machine) differs")

    def test_for_seconds(self):
        result = rrto("bench", "--modes", "async", "--seconds", "2", "--rounds", "1", "--", CAMERA, "--frames", "{frames}")
        self.assertEqual(result.returncode, 0, result)
        self.assertRegex(result.stdout, r"(?m)^async +\d{2,} ")

    def test_plots(self):
        if not shutil.which("gnuplot"):
            self.skipTest("gnuplot is not installed (Debian: gnuplot-nox)")
        plots = self.folder + "/plots"
        result = rrto("bench", "--modes", "async,replay", "--frames", "10", "--rounds", "1", "--compute", "1", "--plot", plots, "--",
                      CAMERA, "--frames", "{frames}", "--check", "no")
        self.assertEqual(result.returncode, 0, result)
        for name in ("latency", "timeline"):
            with open(f"{plots}/{name}.png", "rb") as file:
                picture = file.read()
            self.assertTrue(picture.startswith(PNG))
            self.assertGreater(len(picture), 5000)
            with open(f"{plots}/{name}.svg") as file:
                drawing = file.read()
            for text in ("NOT REAL", "async", "replay", "rgb(  0, 158, 115)"):  # the colour of replay, and of compute
                self.assertTrue(text in drawing, f"{text} is not in {name}.svg")

    def test_a_program_that_fails_is_shown(self):
        result = rrto("bench", "--modes", "replay", "--", "sh", "-c", "echo it is broken; exit 3")
        self.assertEqual(result.returncode, 1)
        self.assertIn("status 3 in mode replay", result.stderr)
        self.assertIn("it is broken", result.stderr)

    def test_a_program_that_uses_no_device(self):
        result = rrto("bench", "--modes", "replay", "--", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("only 0 inferences in mode replay", result.stderr)

    def test_cpu_must_not_use_the_device(self):
        result = rrto("bench", "--modes", "cpu", "--frames", "10", "--", CAMERA, "--frames", "{frames}", "--times", "{times}")
        self.assertEqual(result.returncode, 1)
        self.assertIn("used the device in mode cpu", result.stderr)

    def test_nothing_is_left(self):
        with tempfile.TemporaryDirectory() as base:
            rrto("bench", "--modes", "replay", "--frames", "10", "--rounds", "1", "--", CAMERA, "--frames", "{frames}", XDG_RUNTIME_DIR=base)
            self.assertEqual(os.listdir(base), [])

    def test_wrong_use(self):
        cases = [
            ((), "a command is missing"),
            (("--modes", "plain", "true"), "no mode 'plain'"),
            (("--modes", ",", "true"), "names no mode"),
            (("--modes", "cpu", "true"), "needs {times}"),
            (("--modes", "split", "true"), "needs --split"),
            (("--frames", "0", "true"), "'0' cannot be used"),
            (("--rate", "x", "true"), "'x' cannot be used"),
            (("--server", "127.0.0.1:1", "--compute", "skip", "--modes", "replay", "true"), "private server"),
            (("--nonsense", "true"), "unknown option"),
        ]
        for arguments, sentence in cases:
            result = rrto("bench", *arguments)
            self.assertEqual(result.returncode, 2, result)
            self.assertIn(sentence, result.stderr)
        shown = rrto("bench", "--help")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertTrue(re.match("Usage: rrto bench", shown.stdout))


if __name__ == "__main__":
    unittest.main()
