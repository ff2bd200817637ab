# SPDX-License-Identifier: Apache-2.0
"""Joules in rrto bench: modelled ones are worked out again from the samples; measured ones are those of made-up sensors, whose power is known."""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from fake_chip import FakeChip

BUILD = os.path.abspath(os.environ["BUILD_DIR"])
SPLIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../bench/split/split.py")
RRTO, CAMERA = BUILD + "/bin/rrto", BUILD + "/tests/e2e/camera"
COMMAND = ["--", CAMERA, "--frames", "{frames}", "--device", "{device}", "--times", "{times}", "--check", "no"]
LINK = ["--link", "delay=5,rate=400", "--compute", "2", "--warmup", "4"]
DIGITS = 2e-8  # figures have nine digits, and the interval is 6.4 times a difference of two
WATTS = {"idle": 3, "dispatch": 11, "transmit": 7, "receive": 6, "wait": 5, "compute": 20}
PROFILE = """device a made-up board
idle     3 assumed: so that net is another figure
dispatch 11 calibrated: here
transmit 7 calibrated: here
receive  6 calibrated: here
wait     5 assumed: here
compute  20 published: here
"""


def rrto(*arguments, limit_s=120, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RRTO_", "FAKE_"))}
    return subprocess.run([RRTO, *arguments], capture_output=True, text=True, timeout=limit_s, env=dict(environment, **variables))


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="rrto-energy-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    def load(self, name):
        with open(f"{self.folder}/{name}") as file:
            return json.load(file)


class Modelled(Folder):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(cls.folder + "/board.profile", "w") as file:
            file.write(PROFILE)
        outputs = [word for kind in ("json", "csv", "md") for word in ("--" + kind, f"{cls.folder}/out.{kind}")]
        cls.result = rrto("bench", "--sys", cls.folder + "/none", "--modes", "cpu,percall,replay,split", "--profile", cls.folder + "/board.profile", *LINK,
                          "--frames", "40", "--few-frames", "10", "--rounds", "2", "--split", f"{sys.executable} {SPLIT} bytes:16384:16384", *outputs, *COMMAND)
        if cls.result.returncode == 0:
            with open(cls.folder + "/out.json") as file:
                cls.figures = json.load(file)
            with open(cls.folder + "/out.csv") as file:
                cls.lines = list(csv.DictReader(file))
            with open(cls.folder + "/out.md") as file:
                cls.markdown = file.read()

    def setUp(self):
        self.assertEqual(self.result.returncode, 0, self.result)
        self.modes = {mode["mode"]: mode for mode in self.figures["modes"]}

    def joules(self, name):
        return sorted(joules for one in self.modes[name]["rounds"] for joules in one["client_modelled_j"])

    def test_joules_are_watts_times_seconds(self):
        for line in self.lines:
            phases = {phase: float(line[phase + "_ms"] or 0) for phase in ("dispatch", "upload", "link", "queue", "compute", "download")}
            waiting = phases["link"] + phases["queue"] + phases["compute"]
            if line["mode"] == "cpu":
                mj, ms = 20 * float(line["total_ms"]), float(line["total_ms"])
            else:
                beyond = max(0, float(line["application_ms"]) - float(line["total_ms"]))  # the application's clock ran on
                mj = 11 * (phases["dispatch"] + beyond) + 7 * phases["upload"] + 6 * phases["download"] + 5 * waiting
                ms = sum(phases.values()) + beyond
            self.assertAlmostEqual(float(line["client_modelled_j"]) * 1e3, mj, delta=1e-4 * mj + 1e-4, msg=line)
            self.assertAlmostEqual(float(line["client_modelled_net_j"]) * 1e3, mj - 3 * ms, delta=1e-4 * mj + 1e-4, msg=line)
            for side in ("client", "server"):
                self.assertEqual((line[side + "_measured_run_mean_j"], line[side + "_measured_run_mean_net_j"]), ("", ""))

    def test_figures_are_those_of_the_samples(self):
        for name, mode in self.modes.items():
            samples, energy = self.joules(name), mode["energy"]["client_modelled"]
            self.assertEqual(len(samples), mode["n"])
            self.assertAlmostEqual(energy["p50"]["value"] / samples[(len(samples) + 1) // 2 - 1], 1, places=6)
            self.assertEqual(energy["p90"] is None, len(samples) < 36)
            self.assertAlmostEqual(energy["mean"]["value"] / (sum(samples) / len(samples)), 1, places=6)
            means = [sum(one["client_modelled_j"]) / len(one["client_modelled_j"]) for one in mode["rounds"]]
            half = 12.7062 * abs(means[0] - means[1]) / 2  # the digits of the file bound it when the rounds nearly agree
            self.assertAlmostEqual(energy["mean"]["high"] - energy["mean"]["value"], half, delta=1e-4 * half + DIGITS * energy["mean"]["value"])
            self.assertAlmostEqual(sum(energy["share"].values()), 1, places=6)
            self.assertEqual(energy["share"]["published"], 1 if name == "cpu" else 0)  # of compute alone
        self.assertGreater(self.modes["replay"]["energy"]["client_modelled"]["share"]["assumed"], 0.5)  # it waits

    def test_ratios(self):
        for name in self.modes:
            for other, ratio in self.modes[name]["energy"]["client_modelled_p50_ratio_to"].items():
                mine, its = self.joules(name), self.joules(other)
                wanted = mine[(len(mine) + 1) // 2 - 1] / its[(len(its) + 1) // 2 - 1]
                self.assertAlmostEqual(ratio["value"] / wanted, 1, places=5)
                self.assertTrue(ratio["low"] <= ratio["value"] <= ratio["high"])
        self.assertLess(self.modes["replay"]["energy"]["client_modelled_p50_ratio_to"]["percall"]["high"], 0.5)

    def test_what_it_rests_on_is_told(self):
        energy = self.figures["energy"]
        self.assertEqual(energy["profile"]["device"], "a made-up board")
        self.assertEqual({state: of["watts"] for state, of in energy["profile"]["states"].items()}, WATTS)
        self.assertEqual(energy["profile"]["states"]["wait"]["origin"], "assumed")
        for side in ("client", "server"):
            self.assertIsNone(energy[side]["sensor"])
            self.assertTrue(energy[side]["why_not"])
        for text in (self.result.stdout, self.markdown):
            self.assertIn("Energy of an inference, modelled, the client's", text)
            self.assertIn("idle 3 assumed, dispatch 11 calibrated", text)
            self.assertRegex(text, r"Energy, not measured, the client: no INA3221")
            self.assertRegex(text, r"(?m)^\|? ?replay +\|? +not measured +\|? +not measured")  # never zero, never modelled there
            self.assertIn("(NOT the real computation", text)

    def test_compare(self):
        changed = json.loads(json.dumps(self.figures))
        changed["energy"]["profile"]["states"]["idle"]["watts"] = 4
        for mode in changed["modes"]:
            for one in mode["rounds"]:
                one["client_modelled_j"] = [3 * joules for joules in one["client_modelled_j"]]
        with open(self.folder + "/other.json", "w") as file:
            json.dump(changed, file)
        result = rrto("bench", "compare", self.folder + "/out.json", self.folder + "/other.json")
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("client J, modelled: p50", result.stdout)
        self.assertNotIn("measured: mean", result.stdout)
        self.assertIn("energy profile differs", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^replay .* 3\.000 \[\d\.\d+, \d\.\d+\]$")


class Measured(Folder):
    def setUp(self):
        self.sys = tempfile.mkdtemp(dir=self.folder)
        self.chip = FakeChip(self.sys)

    def bench(self, *options, on_run=None, **variables):
        """Runs it, and on_run when idle has been measured and the first run begins."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("RRTO_", "FAKE_"))}
        path = self.folder + "/measured.json"
        command = [RRTO, "bench", "--sys", self.sys, "--idle", "0.3", *LINK, "--rounds", "2", "--json", path, *options, *COMMAND]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(environment, **variables))
        said, out = [], []
        reader = threading.Thread(target=lambda: out.append(child.stdout.read()))
        reader.start()
        for line in child.stderr:
            if on_run and not any("round" in before for before in said) and "round" in line:
                on_run()
            said.append(line)
        reader.join()
        child.stdout.close()
        child.stderr.close()
        self.assertEqual(child.wait(), 0, said)
        figures = self.load("measured.json")
        return figures["energy"], {mode["mode"]: mode for mode in figures["modes"]}, out[0]

    def test_a_window_over_its_inferences(self):
        plots = self.folder + "/plots"
        drawing = ["--plot", plots] if shutil.which("gnuplot") else []
        energy, modes, text = self.bench("--modes", "percall,replay,split", "--frames", "40", "--few-frames", "8", "--profile", "laptop", "--split",
                                         f"{sys.executable} {SPLIT} bytes:16384:16384", "--csv", self.folder + "/m.csv", *drawing,
                                         on_run=lambda: self.chip.put("curr1_input", "3000"))
        client = energy["client"]
        self.assertEqual((client["sensor"], client["period_s"], client["why_not"], client["saw_server"]), ("INA3221, rail VDD_IN", 0.02, None, True))
        self.assertAlmostEqual(client["idle_w"], 5, delta=0.01)
        for name, mode in modes.items():
            means = []
            for one in mode["rounds"]:
                window, n = one["client_measured"], len(one["latency_ms"])
                self.assertEqual(window["inferences"], n)
                self.assertGreaterEqual(window["samples"], 5)
                self.assertGreaterEqual(window["window_s"], sum(one["latency_ms"]) * 0.999e-3)
                self.assertLess(window["window_s"], 2 * sum(one["latency_ms"]) * 1e-3 + 0.5)
                self.assertAlmostEqual(window["joules"] / (15 * window["window_s"]), 1, places=4)
                self.assertAlmostEqual(window["net_joules"] / (10 * window["window_s"]), 1, places=2)
                means.append(window["joules"] / n)
            measured = mode["energy"]["client_measured"]
            self.assertAlmostEqual(measured["mean"]["value"] / (sum(means) / len(means)), 1, places=5, msg=name)
            self.assertTrue(measured["net_mean"]["value"] < measured["mean"]["value"])
            self.assertNotEqual(measured["mean"], mode["energy"]["client_modelled"]["mean"])
            self.assertIsNone(mode["energy"]["server_measured"])
        ratio, windows = modes["replay"]["energy"]["client_measured_mean_ratio_to"]["percall"], [one["client_measured"] for one in modes["percall"]["rounds"]]
        to = [window["joules"] / window["inferences"] for window in windows]
        self.assertEqual(ratio is not None, sum(to) > 25.4517 * abs(to[0] - to[1]))  # Student's t, one degree of freedom, 97.5 %: else it may be 0
        if ratio:
            self.assertAlmostEqual(ratio["value"] * sum(to) / 2 / modes["replay"]["energy"]["client_measured"]["mean"]["value"], 1, places=5)
        self.assertIn("Energy, measured, the client: INA3221, rail VDD_IN, asked every 20 ms; idle 5.0", text)
        self.assertIn("the private server and the link ran on this machine, so it saw them, too", text)
        self.assertIn("Measured joules of the client, mean as a multiple of another mode's", text)
        with open(self.folder + "/m.csv") as file:
            for line in csv.DictReader(file):
                window = modes[line["mode"]]["rounds"][int(line["round"]) - 1]["client_measured"]
                self.assertAlmostEqual(float(line["client_measured_run_mean_j"]) * window["inferences"] / window["joules"], 1, places=6)
        if drawing:
            with open(plots + "/energy.png", "rb") as file:
                self.assertTrue(file.read().startswith(b"\x89PNG\r\n\x1a\n"))
            with open(plots + "/energy.svg") as file:
                picture = file.read()
            for word in ("NOT REAL", "client, modelled", "client, measured", "INA3221, rail VDD_IN", "laptop", "joules per inference", "replay",
                         "rgb(  0, 158, 115)"):  # the colour of replay
                self.assertTrue(word in picture, f"{word} is not in energy.svg")
            self.assertNotIn("server GPU, measured", picture)

    def test_compare_says_measured(self):
        figures, _, _ = self.bench("--modes", "replay", "--frames", "40")
        self.assertIsNone(figures["profile"])
        path, other = self.folder + "/measured.json", self.folder + "/doubled.json"
        changed = self.load("measured.json")
        for factor, to in ((1, path), (2, other)):  # rounds that nearly agree, however busy the machine is
            for i, one in enumerate(changed["modes"][0]["rounds"]):
                one["client_measured"]["joules"] = factor * one["client_measured"]["inferences"] * (1 + i / 1000)
            with open(to, "w") as file:
                json.dump(changed, file)
        result = rrto("bench", "compare", path, other)
        self.assertRegex(result.stdout, r"client J, measured: mean\n")
        self.assertNotIn("modelled: p50", result.stdout)
        self.assertNotIn("differs", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^replay .* 2\.000 \[\d+\.\d+, \d+\.\d+\]$")

    def test_a_sensor_that_goes_away(self):
        energy, modes, text = self.bench("--modes", "replay", "--frames", "40", on_run=lambda: os.remove(self.chip.folder + "/curr1_input"))
        self.assertIsNone(modes["replay"]["energy"]["client_measured"])
        self.assertRegex(energy["client"]["why_not"], r"curr1_input: No such file")
        self.assertIn("Energy, not measured, the client: ", text)

    def test_too_short_for_the_sensor(self):
        energy, modes, _ = self.bench("--modes", "replay", "--frames", "4")
        self.assertIsNone(modes["replay"]["energy"]["client_measured"])
        self.assertRegex(energy["client"]["why_not"], r"mode replay: a run of 0\.\d+ s is too short for the sensor")

    def test_no_power_is_no_figure(self):
        self.chip.put("curr1_input", "0")
        energy, modes, text = self.bench("--modes", "replay", "--frames", "20")
        self.assertIsNone(modes["replay"]["energy"]["client_measured"])
        self.assertIn("no power is drawn", energy["client"]["why_not"])

    def gpu(self, name):
        library = self.sys + "/libnvidia-ml.so.1"
        os.symlink(BUILD + "/tests/programs/libfake_nvml.so", library)
        return {"LD_LIBRARY_PATH": self.sys, "FAKE_NVML_WATTS": "250", "FAKE_NVML_NAME": name}

    def test_the_servers_gpu(self):
        energy, modes, text = self.bench("--modes", "cpu,percall", "--frames", "40", "--few-frames", "12", **self.gpu("rrto soft GPU"))
        self.assertEqual(energy["server"]["sensor"], "NVML, rrto soft GPU")
        for one in modes["percall"]["rounds"]:
            self.assertAlmostEqual(one["server_measured"]["joules"] / (250 * one["server_measured"]["window_s"]), 1, places=2)
            self.assertAlmostEqual(one["client_measured"]["joules"] / (5 * one["client_measured"]["window_s"]), 1, places=3)
        self.assertIsNone(modes["cpu"]["energy"]["server_measured"])  # nothing of it is the server's
        self.assertIn("Energy, measured, the server's GPU: NVML, rrto soft GPU, asked every 100 ms", text)
        self.assertIn("the GPU alone, without its host", text)

    def test_another_gpu_is_not_the_servers(self):
        energy, modes, text = self.bench("--modes", "percall", "--few-frames", "12", **self.gpu("Another GPU"))
        self.assertIsNone(modes["percall"]["energy"]["server_measured"])
        self.assertIn("did not compute on the GPU that NVML sees", energy["server"]["why_not"])


class Use(Folder):
    def test_a_profile_that_is_none(self):
        result = rrto("bench", "--profile", "nonsense", "--modes", "replay", *COMMAND)
        self.assertEqual(result.returncode, 1)
        self.assertIn("there is no nonsense.profile", result.stderr)

    def test_wrong_use(self):
        for value in ("0", "x"):
            result = rrto("bench", "--idle", value, *COMMAND)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"'{value}' cannot be used", result.stderr)

    def test_calibrate_has_two_names(self):
        long, short = rrto("bench", "calibrate", "--help"), rrto("calibrate", "--help")
        self.assertEqual((long.returncode, short.returncode), (0, 0))
        self.assertTrue(long.stdout.startswith("Usage: rrto bench calibrate "))
        self.assertEqual(long.stdout, short.stdout)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
