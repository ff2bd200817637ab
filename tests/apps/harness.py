# SPDX-License-Identifier: Apache-2.0
"""Running programs under `rrto run`, comparing their results, and reading reports: what the scenarios are written with."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build")).resolve()
RRTO = BUILD / "bin" / "rrto"
EXAMPLES = ROOT / "examples"
LIMIT_S = 300
SKIPPED = 77


class Failure(Exception):
    """A check that did not hold; its text is what a reader needs."""


class Skip(Exception):
    """A test that cannot run here, and why."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def python():
    """The Python with the pinned stock PyTorch: $PYTHON, or the one that scripts/python has made. Nothing is installed from here."""
    given = os.environ.get("PYTHON")
    if given:
        return given
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rrto"
    found = cache / f"torch-{os.environ.get('TORCH', '2.11.0')}" / "bin" / "python"
    if not found.exists():
        raise Skip(f"no stock PyTorch here: `make -s python` makes {found}")
    return str(found)


def clean_environment(extra=None):
    """The caller's environment without RRTO_*, LD_PRELOAD and Python's own paths."""
    dropped = ("RRTO_", "LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    environment.update(extra or {})
    return environment


class Run:
    """One finished process: status, stdout, stderr, and the report where there is one."""

    def __init__(self, command, environment=None, report=None, limit_s=LIMIT_S):
        self.shown = " ".join([f"{k}={shlex.quote(v)}" for k, v in (environment or {}).items()] + [shlex.join(map(str, command))])
        try:
            done = subprocess.run(list(map(str, command)), env=clean_environment(environment), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit_s)
            self.status, self.out, self.err = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            self.status, self.out, self.err = f"still running after {limit_s} s", late.stdout or "", late.stderr or ""
        self.report = json.loads(Path(report).read_text()) if report and os.path.exists(report) else None

    def must_succeed(self):
        if self.status != 0:
            raise Failure(f"{self.shown}\nended with {self.status}\n{tail(self.out)}{tail(self.err)}")
        return self


def tail(text, n_lines=15):
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return "".join(line + "\n" for line in text.splitlines()[-n_lines:])


def rrto_run(mode, command, environment=None, report=None, limit_s=LIMIT_S, options=()):
    """Runs a command under `rrto run` with a private server, with further options of `rrto run`."""
    line = [RRTO, "run", "--mode", mode, *options, *(["--report", report] if report else []), "--", *command]
    return Run(line, environment, report, limit_s)


class Folder(tempfile.TemporaryDirectory):
    """A scratch folder, kept when KEEP is set in the environment."""

    def __exit__(self, *error):
        if not os.environ.get("KEEP"):
            super().__exit__(*error)
        else:
            print(f"kept: {self.name}", file=sys.stderr)
            self._finalizer.detach()


def example(name, mode, frames, folder, label=None, environment=None, device="cuda", arguments=(), options=()):
    """Runs an example; the Run with .results (the .npz), .times and .report."""
    label = (label or mode).replace(" ", "_")
    results, times, report = (Path(folder) / f"{name}-{label}-{frames}.{kind}" for kind in ("npz", "times", "report"))
    command = [python(), EXAMPLES / f"{name}.py", "--device", device, "--frames", frames, "--out", results, "--times", times,
               *arguments]
    run = rrto_run(mode, command, environment, report, options=options)
    run.must_succeed()
    run.results, run.times = results, json.loads(times.read_text())
    if device == "cuda":
        check(run.report is not None, f"{run.shown}\nwrote no report")
        check(run.report["ops"] > 0, f"{run.shown}\nnever used the device")
    return run


def compare(a, b, *options):
    """compare.py on two runs: (equal, what it said)."""
    done = subprocess.run([python(), str(HERE / "compare.py"), str(a.results), str(b.results), *options],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean_environment())
    return done.returncode == 0, done.stdout.strip()


def must_equal(a, b, label, *options):
    equal, said = compare(a, b, *options)
    check(equal, f"{label}: {said}\n  this run: {a.shown}\n  against:  {b.shown}")
    print(f"{label}: {said}", flush=True)


def main(scenarios, description):
    """Runs the scenario that is named on the command line. Exit status 77 for a skipped one."""
    names = sys.argv[1:]
    if names in ([], ["--help"], ["-h"]):
        print(f"{description}\n\nScenarios:")
        for name, function in scenarios.items():
            print(f"  {name:18} {function.__doc__.splitlines()[0]}")
        sys.exit(0 if names else 2)
    skipped = False
    for name in names:
        if name not in scenarios:
            sys.exit(f"no scenario {name}; --help lists them")
        try:
            scenarios[name]()
        except Skip as reason:
            print(f"{name}: skipped: {reason}")
            skipped = True
        except Failure as failure:
            print(f"{name}: FAILED: {failure}\nreproduce: BUILD_DIR={BUILD} {HERE / 'run'} {name}")
            sys.exit(1)
    sys.exit(SKIPPED if skipped and len(names) == 1 else 0)
