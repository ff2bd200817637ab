# SPDX-License-Identifier: Apache-2.0
"""Runs cells and keeps what they gave: FOLDER/NAME.json is what rrto bench --json wrote, with a key "paper" that says how it came to be."""

import collections
import ctypes
import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import plan

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL_SCRIPT = ROOT / "examples" / "bench_models.py"
MARKED_SCRIPT = ROOT / "bench" / "paper" / "marked.py"
SPLIT_SCRIPT = ROOT / "bench" / "split" / "split.py"
ANSWER_FRAMES = 4  # of keypointrcnn that are really computed, once; their answers are handed out again and again


class Failed(Exception):
    """What could not be measured, and why."""


def whole_fours(n):
    return math.ceil(n / ANSWER_FRAMES) * ANSWER_FRAMES


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def replace(path, text):
    """The file is there wholly, or as it was."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    os.replace(new, path)


def succeeded(status, command, log):
    if status:
        raise Failed(f"{shlex.join(map(str, command[:2]))} ended with status {status}; {log} says:\n" + Path(log).read_text()[-1500:])


class Measurement:
    """A cell that is being measured. Nothing is kept of one that does not come to its end."""

    def __init__(self, keeper, cell):
        self.cell, self.path = cell, keeper.path(cell)
        self.arguments, self.environment, self.commit = keeper.arguments(cell), keeper.environment(cell), keeper.commit
        self.new, self.log = self.path.with_name(self.path.name + ".running"), self.path.with_suffix(".log")
        self.new.unlink(missing_ok=True)
        at = self.arguments.index("--")
        self.command = [keeper.rrto, *self.arguments[:at], "--json", self.new, *self.arguments[at:]]
        self.begun = time.monotonic()
        self.process = keeper.start(self.command, self.log, self.environment)

    def ended(self):
        return self.process.poll() is not None

    def seconds(self):
        return time.monotonic() - self.begun

    def keep(self):
        """Of one that has ended."""
        succeeded(self.process.returncode, self.command, self.log)
        figures = json.loads(self.new.read_text())
        figures["paper"] = {"arguments": self.arguments, "environment": self.environment, "commit": self.commit, "wall_s": round(self.seconds(), 1)}
        replace(self.path, json.dumps(figures, indent=1) + "\n")
        self.new.unlink()

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Keeper:
    def __init__(self, build, folder, python):
        self.rrto, self.folder, self.python = Path(build).resolve() / "bin" / "rrto", Path(folder).resolve(), python
        self.build = Path(build).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        version = subprocess.run([self.rrto, "--version"], capture_output=True, text=True, check=True).stdout
        self.commit = version.split("(")[1].split(")")[0]

    # -- what a cell is

    def path(self, cell):
        return self.folder / (cell.name + ".json")

    def arguments(self, cell):
        """Of rrto; the files are this folder's."""
        frames, rounds, warmup = cell.sizes
        model, part, ready = cell.model, cell.part, self.folder / (cell.name + ".ready")
        if not model.static and part.name != "percall":
            frames = rounds * whole_fours(frames / rounds)
        words = ["bench", "--profile", plan.PROFILE, "--modes", ",".join(part.modes), "--frames", frames, "--few-frames", frames, "--rounds", rounds, "--warmup", warmup]
        if part.open_loop:
            words += ["--rate", plan.FPS]
        if cell.link:
            words += ["--link", f"{cell.link.spec},after={ready}"]
        compute = model.gpu_ms
        if part.name != "cpu":
            split = [self.python, SPLIT_SCRIPT, "--ready", ready]
            if not model.static:
                waits = self.waits()
                compute = round(model.gpu_ms / waits, 4)
                words += ["--answers", self.answers_path()]
                split += ["--waits", f"{model.gpu_ms / compute:.6g}"]
            words += ["--compute", f"{compute:g}"]
            if "split" in part.modes:
                words += ["--split", shlex.join(map(str, [*split, f"bench_models:{model.name}"]))]
        script = MODEL_SCRIPT if model.static else MARKED_SCRIPT
        words += ["--", self.python, script, "--model", model.name, "--frames", "{frames}", "--device", "{device}", "--times", "{times}"]
        return [str(word) for word in words + ["--ready", ready]]

    def environment(self, cell):
        return {} if cell.part.coded else {"RRTO_DISABLE": "codec"}

    def load(self, cell, any_commit=False):
        """What was kept of it, or None: nothing, or of other options or another commit."""
        try:
            figures = json.loads(self.path(cell).read_text())
            told = figures["paper"]
            fits = told["arguments"] == self.arguments(cell) and told["environment"] == self.environment(cell) and (any_commit or told["commit"] == self.commit)
        except (OSError, ValueError, KeyError):
            return None
        return figures if fits else None

    def start(self, command, log, environment):
        with open(log, "w") as file:
            return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                    env=self.clean_environment(environment), preexec_fn=end_with_parent)

    def run(self, command, log, environment):
        process = self.start(command, log, environment)
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        succeeded(status, command, log)

    @staticmethod
    def clean_environment(more):
        """Without what a user has set for rrto."""
        return {name: value for name, value in os.environ.items() if not name.startswith("RRTO_")} | more

    # -- keypointrcnn: what it reads of the device has to be computed once

    def answers_path(self):
        return self.folder / "keypointrcnn.answers"

    def answers_are_there(self):
        return self.answers_path().exists() and self.dependencies() is not None

    def dependencies(self):
        """Per frame that was computed: how often the program had to wait, and for what. None: not known yet."""
        try:
            return json.loads((self.folder / "keypointrcnn.waits.json").read_text())["frames"]
        except (OSError, ValueError, KeyError):
            return None

    def waits(self):
        """Waits of a frame for a result, on average: --compute takes its time for each."""
        frames = self.dependencies()
        return sum(frame["data dependencies"] for frame in frames) / len(frames) if frames else 1

    def prepare_answers(self):
        """Some frames computed on the soft GPU; a trace of them tells the waits."""
        path, trace = self.answers_path(), self.folder / "keypointrcnn.trace"
        command = [self.rrto, "run", "--mode", "percall-device", "--answers", path, "--", self.python, MODEL_SCRIPT, "--model", "keypointrcnn",
                   "--frames", ANSWER_FRAMES]
        self.run(command, self.folder / "keypointrcnn.answers.log", {"RRTO_TRACE": str(trace)})
        dumped = subprocess.run([self.rrto, "dump", trace], capture_output=True, text=True, check=True).stdout.splitlines()
        trace.unlink()
        os.environ["BUILD_DIR"] = str(self.build)
        sys.path.insert(0, str(ROOT / "tests" / "apps"))
        from waits import must_wait

        frames = [dict(collections.Counter(frame)) for frame in must_wait(dumped, 3 * 416 * 416 * 4)]
        if len(frames) != ANSWER_FRAMES or not all(frame.get("data dependencies") for frame in frames):
            raise Failed(f"the trace of keypointrcnn shows {len(frames)} frames, not {ANSWER_FRAMES} with waits")
        replace(self.folder / "keypointrcnn.waits.json", json.dumps({"frames": frames}) + "\n")
