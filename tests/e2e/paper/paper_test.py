# SPDX-License-Identifier: Apache-2.0
"""bench/paper: its page says what the figures say, and a cell is measured until it is there, not again."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(ROOT / "bench" / "paper"))
import page
import plan
from figures import RAW, Results, bound_ratio, reduction
from keep import Keeper

MODELS, LINKS = ({thing.name: thing for thing in things} for things in (plan.MODELS, plan.LINKS))
PARTS = {part.name: part for part in plan.PARTS}
ABOUT = {"command": "make bench-paper", "machine": "a machine"}


def estimate(value):
    return {"value": value, "low": value * 0.9, "high": value * 1.1}


def mode(name, ms, joules, dispatch=1.0, n=40, **more):
    """As rrto bench writes it."""
    enough = n >= 6
    figures = {"p50": estimate(ms) if enough else None, "p90": estimate(ms * 1.2) if n >= 36 else None}
    return {"mode": name, "n": n, "latency_ms": figures, "application_ms": figures, "rounds": [{"latency_ms": [ms] * n, "application_ms": [ms] * n}],
            "mean_phases_ms": dict(dispatch=dispatch, upload=60.0, link=10.0, queue=0.0, compute=17.0, download=0.5),
            "per_inference": {"round_trips": 1.0, "bytes_up": 6e5, "bytes_down": 4e3}, "late": None, "dropped": None,
            "energy": {"client_modelled": {"mean": {"value": joules, "low": None, "high": None}}}} | more


def cell(model, link, part):
    return plan.Cell(MODELS[model], LINKS[link] if link else None, PARTS[part])


def figures(*modes, rate=None):
    return {"rate_fps": rate, "date": "2030-01-02T03:04:05Z", "paper": {"commit": "abc", "wall_s": 60}, "modes": list(modes)}


def densenet(replay_ms=100.0, percall_ms=20000.0, percall_j=100.0, split_ms=98.0, dispatch=1.0):
    results = Results()
    results.add(cell("densenet121", "rtt10", "raw"), figures(mode("replay", replay_ms, 0.5, dispatch), mode("split", split_ms, 0.45)))
    results.add(cell("densenet121", "rtt10", "percall"), figures(mode("percall", percall_ms, percall_j, n=3)))
    return results


def written(results, frames=None):
    return page.write(results, ABOUT, frames, len(plan.cells()))


def row(text, *begins):
    """The cells of the one table row that begins so."""
    found = [line for line in text.splitlines() if line.startswith("| " + " | ".join(begins))]
    assert len(found) == 1, (begins, found)
    return [part.strip() for part in found[0].strip("|").split("|")]


class Page(unittest.TestCase):
    def test_reductions_and_bars(self):
        text = written(densenet())
        self.assertIn("densenet121, 80 Mbit/s, RTT 10 ms (server computing replaced by a stated 17 ms), latency at least 98 % below percall: 99.50 %, reached", text)
        self.assertIn("energy at least 98 % below percall: 99.50 %, reached", text)
        self.assertIn("resnet152, 80 Mbit/s, RTT 10 ms: at least 98 % below percall: not measured", text)
        text = written(densenet(percall_ms=4000.0))
        self.assertIn("latency at least 98 % below percall: 97.50 %, **missed**", text)
        self.assertAlmostEqual(reduction(1, 4), 75)
        self.assertIsNone(reduction(1, None))

    def test_few_samples_carry_a_star_and_what_is_missing_is_said(self):
        text = written(densenet())
        overview = text[text.index("**densenet121**"):text.index("**convnext_large**")]
        self.assertEqual(row(overview, "80 Mbit/s, RTT 10 ms"),
                         ["80 Mbit/s, RTT 10 ms", "20,000*", "not measured", "not measured", "not measured", "100.0", "98.0", "99.50 %", "99.50 %", "–", "–", "1.020"])
        self.assertEqual(row(overview, "80 Mbit/s, RTT 1 ms")[1:7], ["not measured"] * 6)
        self.assertIn("Measured: 2 of", text)

    def test_the_bound_is_split_or_dispatch_and_one_way(self):
        results, rtt10 = densenet(replay_ms=120.0), LINKS["rtt10"]
        self.assertAlmostEqual(bound_ratio(results, MODELS["densenet121"], rtt10), 120 / 98)
        text = written(results)
        explained = text[text.index("## Where replay is above"):text.index("## Data dependencies")]
        ours = [line for line in explained.splitlines() if "replay" + RAW in line]
        self.assertEqual(len(ours), 1)
        for part in ("densenet121", "17 ms", "1.224", "60.0", "0.5"):
            self.assertIn(part, ours[0])
        self.assertIn("0 of 1 measured of 30 wanted; above: densenet121 80 Mbit/s, RTT 10 ms (1.224)", text)
        slow = densenet(replay_ms=120.0, dispatch=115.0)  # the application itself takes so long: nothing to explain
        self.assertAlmostEqual(bound_ratio(slow, MODELS["densenet121"], rtt10), 1.0)
        self.assertIn("Nowhere among what was measured", written(slow))

    def test_every_table_of_the_server_says_that_computing_is_stated(self):
        text, heading = written(densenet()), ""
        sections = text.split("\n## ")
        with_tables = [section for section in sections if "\n|" in section]
        self.assertGreaterEqual(len(with_tables), 4)
        for section in with_tables:
            heading = section.splitlines()[0]
            self.assertRegex(section.lower(), r"computing replaced by a stated \d+ ms", heading)
        for model in plan.MODELS:
            self.assertIn(f"### {model.name}\n\nServer computing replaced by a stated {model.gpu_ms} ms", text)

    def test_raw_and_coded_inputs_are_apart(self):
        results = densenet()
        results.add(cell("densenet121", "rtt10", "replay"), figures(mode("replay", 50.0, 0.3)))
        model, link = MODELS["densenet121"], LINKS["rtt10"]
        self.assertEqual((results.mode(model, link, "replay").p50, results.mode(model, link, "replay" + RAW).p50), (50.0, 100.0))

    def test_open_loop_side_by_side(self):
        results = Results()
        late = dict(late=30, dropped=60)
        results.add(cell("densenet121", "outdoors", "open-raw"), figures(mode("replay", 90.0, 1, **late), mode("split", 99.0, 1, late=40, dropped=120), rate=30))
        text = written(results)
        section = text[text.index("## Open loop"):text.index("## All figures")]
        self.assertEqual(row(section, "densenet121 (server computing replaced by a stated 17 ms)", "split")[2:5], ["40", "40 (100 %)", "120 of 160 (75 %)"])
        self.assertEqual(row(section, "densenet121 (server computing replaced by a stated 17 ms)", "replay" + RAW)[3:5], ["30 (75 %)", "60 of 100 (60 %)"])
        self.assertEqual(results.modes, {})

    def test_data_dependencies_are_shown(self):
        frames = [{"data dependencies": 29, "synchronises": 11, "first uses": 112}, {"data dependencies": 43, "synchronises": 10}]
        text = written(Results(), frames)
        self.assertIn("| 1 | 29 | 11 | 112 |", text)
        self.assertIn("| 2 | 43 | 10 | 0 |", text)
        self.assertIn("21 / 36 ms", text)


# In the place of rrto: counts its runs, and takes its time where it is told to.
FAKE = """#!{python}
import json, sys, time
from pathlib import Path
folder = Path({folder!r})
if sys.argv[1] == "--version":
    print("rrto 0.1.0 (" + (folder / "commit").read_text() + ")")
    sys.exit()
with open(folder / "runs", "a") as runs:
    runs.write(" ".join(sys.argv[1:]) + "\\n")
if (folder / "slow").exists():
    time.sleep(600)
if (folder / "nap").exists():
    begun = time.monotonic()
    time.sleep(2)
    with open(folder / "naps", "a") as naps:
        naps.write(json.dumps([sys.argv[sys.argv.index("--link") + 1], sys.argv[sys.argv.index("--modes") + 1], begun, time.monotonic()]) + "\\n")
if (folder / "broken").exists():
    sys.exit("it does not work")
modes = sys.argv[sys.argv.index("--modes") + 1].split(",")
Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(json.loads((folder / "figures").read_text())))
"""


class Keeping(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        fake = self.folder / "bin" / "rrto"
        fake.parent.mkdir()
        fake.write_text(FAKE.format(python=sys.executable, folder=str(self.folder)))
        fake.chmod(0o755)
        (self.folder / "commit").write_text("first")
        (self.folder / "figures").write_text(json.dumps(figures(mode("async", 80.0, 0.4))))

    def command(self, *more):
        return [sys.executable, ROOT / "bench" / "paper" / "run", self.folder, "--quick", "--only", "densenet121", "--links", "rtt10", "--parts", "async",
                "--python", "python", *more]

    def go(self, *more, status=0):
        done = subprocess.run(self.command(*more), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done)
        return done.stdout

    def runs(self):
        path = self.folder / "runs"
        return path.read_text().splitlines() if path.exists() else []

    def kept(self):
        return sorted(path.name for path in (self.folder / "bench-paper-quick").glob("*.json"))

    def test_a_cell_is_measured_once(self):
        self.go()
        self.assertIn("1 of 1 cells are there", self.go())
        self.assertEqual(len(self.runs()), 1)
        self.assertIn("| 80 Mbit/s, RTT 10 ms | async | 40 | 80.0", (self.folder / "bench-paper-quick" / "results.md").read_text())
        for part in ("--compute 17 ", "--link delay=5,rate=80,after=", f"--profile {plan.PROFILE} "):
            self.assertIn(part, self.runs()[0])
        (self.folder / "commit").write_text("second")
        self.assertIn("1 of 1 cells are there", self.go("--any-commit"))
        self.go()
        self.assertEqual(len(self.runs()), 2)
        (self.folder / "bench-paper-quick" / "densenet121.rtt10.async.json").write_text('{"modes": [')
        self.go()
        self.assertEqual(len(self.runs()), 3)

    def test_only_what_waits_for_the_link_is_measured_at_once(self):
        (self.folder / "nap").touch()
        more = ["--links", "rtt1,rtt10,rtt30", "--parts", "async,percall"]
        self.assertIn("of 6 cells", self.go(*more))
        naps = [json.loads(line) for line in (self.folder / "naps").read_text().splitlines()]
        self.assertEqual(len(naps), 6)
        self.assertIn("6 of 6 cells are there", self.go(*more))
        for one in naps:
            beside = sum(other is not one and other[2] < one[3] and one[2] < other[3] for other in naps)
            self.assertEqual(beside, one[1] == "percall" and not one[0].startswith("delay=0.5"), one)

    def test_other_options_are_measured_again(self):
        self.go()
        path = self.folder / "bench-paper-quick" / "densenet121.rtt10.async.json"
        told = json.loads(path.read_text())
        told["paper"]["arguments"][told["paper"]["arguments"].index("--frames") + 1] = "1000"
        path.write_text(json.dumps(told))
        self.go()
        self.assertEqual(len(self.runs()), 2)

    def test_an_interrupted_cell_is_measured_again(self):
        (self.folder / "slow").touch()
        for number in (signal.SIGTERM, signal.SIGKILL):
            n = len(self.runs())
            process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 60
            while len(self.runs()) == n and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertEqual(len(self.runs()), n + 1)
            process.send_signal(number)
            self.assertNotEqual(process.wait(timeout=60), 0)
            self.assertEqual(self.kept(), [])
        (self.folder / "slow").unlink()
        self.go()
        self.assertEqual(self.kept(), ["densenet121.rtt10.async.json"])

    def test_a_failure_is_told_and_not_kept(self):
        (self.folder / "broken").touch()
        out = self.go(status=1)
        self.assertIn("it does not work", out)
        self.assertIn("failed: densenet121.rtt10.async", out)
        self.assertEqual(self.kept(), [])

    def test_the_codec_is_off_where_inputs_are_raw(self):
        keeper = Keeper(self.folder, self.folder / "kept", "python")
        self.assertEqual([keeper.environment(cell("densenet121", "rtt10", part)) for part in ("raw", "replay", "open", "open-raw")],
                         [{"RRTO_DISABLE": "codec"}, {}, {}, {"RRTO_DISABLE": "codec"}])
        os.environ["RRTO_DISABLE"] = "push"
        self.addCleanup(os.environ.pop, "RRTO_DISABLE")
        self.assertNotIn("RRTO_DISABLE", keeper.clean_environment({}))

    def test_the_plan_has_every_cell(self):
        names = {cell.name for cell in plan.cells()}
        for model in MODELS:
            self.assertIn(f"{model}.none.cpu", names)
            self.assertIn(f"{model}.outdoors.open-raw", names)
            for link in LINKS:
                for part in ("raw", "replay", "async", "percall-device", "percall"):
                    self.assertIn(f"{model}.{link}.{part}", names)
        self.assertLess(sum(cell.seconds() for cell in plan.cells()), 3 * 3600)


if __name__ == "__main__":
    unittest.main()
