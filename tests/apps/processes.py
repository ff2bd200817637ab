# SPDX-License-Identifier: Apache-2.0
"""Threads, processes and the ways in which they end: the results are those of mode plain, and what has ended has left its report."""

import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path

from harness import RRTO, Folder, Run, check, clean_environment, python, rrto_run, tail

# train(seed): steps of a small network with forward, backward and update; returns lines that give every byte of what it computed.
TRAIN = """
import hashlib, os, signal, subprocess, sys, threading, time
import torch

def line(name, tensor):
    return f"{name} {hashlib.sha256(tensor.detach().cpu().numpy().tobytes()).hexdigest()[:16]}"

def train(seed, steps=6):
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(16, 16, generator=generator).cuda().requires_grad_() for _ in range(3)]
    lines = []
    for step in range(steps):
        x = torch.randn(8, 16, generator=generator).cuda()
        y = x
        for w in weights:
            y = torch.relu(y @ w)
        loss = (y * y).mean()
        loss.backward()  # in autograd's worker thread
        with torch.no_grad():
            for w in weights:
                w -= 0.01 * w.grad
                w.grad = None
        lines.append(line(f"seed {seed} step {step}", y))
    return lines + [line(f"seed {seed} weights", w) for w in weights]
"""

THREADS = TRAIN + """
results = {}
def work(seed):
    results[seed] = train(seed, 10)
threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
for t in threads: t.start()
for t in threads: t.join()
print("\\n".join(results[1] + results[2]))
"""

CHILDREN = TRAIN + """
if len(sys.argv) > 1:
    print("\\n".join(train(int(sys.argv[1]))), flush=True)
    sys.exit(3)
print("\\n".join(train(1)), flush=True)
done = subprocess.run([sys.executable, __file__, "2"], stdout=subprocess.PIPE, text=True)
print(done.stdout, "child ended with", done.returncode)
pid = os.fork()
if pid == 0:
    os._exit(4)
print("fork ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print("\\n".join(train(3)), flush=True)
"""

ENDS = TRAIN + """
print("\\n".join(train(1)), flush=True)
how = sys.argv[1]
if how == "_exit": os._exit(5)
os.kill(os.getpid(), getattr(signal, how))
time.sleep(60)
"""


def write(folder, name, text):
    path = Path(folder) / name
    path.write_text(text)
    return path


def modes_equal(folder, command, label, expected_status=0):
    """The command in plain, percall, async and replay: one output, one status. Returns the last run."""
    oracle = None
    for mode in ("plain", "percall", "async", "replay"):
        run = rrto_run(mode, command, report=str(Path(folder) / f"{mode}.json"))
        check(run.status == expected_status, f"{label}, {mode}: ended with {run.status}, not {expected_status}\n{run.shown}\n{tail(run.err)}")
        check("seed 1 weights" in run.out, f"{label}, {mode}: printed {run.out!r}\n{run.shown}")
        oracle = oracle or run.out
        check(run.out == oracle,
              f"{label}, {mode}: not as in plain\n{run.shown}\n--- plain\n{tail(oracle, 40)}--- {mode}\n{tail(run.out, 40)}")
    lines = [text for text in oracle.splitlines() if " step " in text]
    check(len(set(text.split()[-1] for text in lines)) == len(lines), f"{label}: two steps with one result: {lines}")
    print(f"{label}: equal in 4 modes")
    return run


def two_threads():
    """Two Python threads with a network each, trained at the same time, backward in autograd's threads."""
    with Folder() as folder:
        run = modes_equal(folder, [python(), write(folder, "threads.py", THREADS)], "two threads")
        check(run.report["ops_predicted"] > run.report["ops_literal"] / 4, f"next to nothing predicted: {run.report['ops_predicted']}\n{run.shown}")


def children():
    """A subprocess and a fork between uses of the device; each process that used it is in the report."""
    with Folder() as folder:
        run = modes_equal(folder, [python(), write(folder, "children.py", CHILDREN)], "children")
        check("child ended with 3" in run.out and "fork ended with 4" in run.out, f"printed {run.out!r}\n{run.shown}")
        check(len(run.report["processes"]) == 2, f"{len(run.report['processes'])} processes in the report, not 2\n{run.shown}")


def sudden_ends():
    """os._exit, SIGTERM, SIGKILL: the same end as without rrto, the results so far, and a report."""
    with Folder() as folder:
        script = write(folder, "ends.py", ENDS)
        for how, status in (("_exit", 5), ("SIGTERM", -signal.SIGTERM), ("SIGKILL", -signal.SIGKILL)):
            run = rrto_run("replay", [python(), script, how], report=f"{folder}/{how}.json")
            check(run.status == status, f"{how}: ended with {run.status}, not {status}\n{run.shown}\n{tail(run.err)}")
            check("seed 1 weights" in run.out, f"{how}: printed {run.out!r}\n{run.shown}")
            check(run.report is not None, f"{how}: no report\n{run.shown}")
            check(run.report["ops"] > 100 and run.report["round_trips"] > 6, f"{how}: the report does not know of the work: {run.report}")
            print(f"{how}: ended with {status}, {run.report['ops']} ops in the report")


def interactive():
    """python -i, fed line by line through a pipe: each answer comes before the next line is asked for."""
    with Folder() as folder:
        setup = write(folder, "setup.py", TRAIN)
        answers = {}
        for mode in ("plain", "replay"):
            line = [str(RRTO), "run", "--mode", mode, "--", python(), "-i", "-q", str(setup)]
            shell = subprocess.Popen(line, env=clean_environment({"PYTHONUNBUFFERED": "1"}), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, bufsize=0)
            answers[mode] = []
            try:
                for text in [f"print(train({seed})[-1])" for seed in (1, 1, 1, 2, 1)] + ["import os; os.system('echo from a child'); None"]:
                    shell.stdin.write((text + "\n").encode())
                    ready, _, _ = select.select([shell.stdout], [], [], 120)
                    check(ready, f"no answer to {text}\n{' '.join(line)}")
                    answers[mode].append(shell.stdout.readline())
                shell.stdin.close()
                status = shell.wait(30)
            finally:
                if shell.poll() is None:
                    shell.kill()
                    shell.wait()
            check(status == 0, f"{mode}: python -i ended with {status}")
        check(answers["plain"] == answers["replay"] and answers["plain"][0].startswith(b"seed 1 weights"), f"answers differ: {answers}")
        check(answers["plain"][0] == answers["plain"][4] != answers["plain"][3], f"answers are not results: {answers}")
    print("interactive: equal")


class Server:
    """An rrtod on a unix socket, for as long as the block lasts."""

    def __init__(self, folder):
        self.address = f"unix:{folder}/socket"
        self.log = Path(folder) / "rrtod.log"

    def __enter__(self):
        with self.log.open("w") as log:
            self.process = subprocess.Popen([str(RRTO.parent / "rrtod"), "--listen", self.address, "--device", "soft"], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=clean_environment())
        limit = time.monotonic() + 30
        while not os.path.exists(self.address[5:]) and self.process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.status = self.process.wait(30)


def preloaded():
    """What `rrto preload` prints, and RRTO_SERVER, instead of rrto run: the same results, and RRTO_REPORT is written."""
    with Folder() as folder, Server(folder) as server:
        script = write(folder, "threads.py", THREADS)
        oracle = rrto_run("plain", [python(), script]).must_succeed()
        loader = {"LD_PRELOAD": Run([RRTO, "preload"]).must_succeed().out.strip(),
                  "LD_LIBRARY_PATH": Run([RRTO, "preload", "--library-path"]).must_succeed().out.strip()}
        report = f"{folder}/report.json"
        run = Run([python(), script], {**loader, "RRTO_SERVER": server.address, "RRTO_REPORT": report}, report=report).must_succeed()
        check(run.out == oracle.out, f"other results than in plain\n{run.shown}\n{tail(run.out)}")
        check(run.report is not None and run.report["ops"] > 100, f"RRTO_REPORT was not written\n{run.shown}\n{tail(run.err)}")
    print("preloaded: equal, with a report")


def two_applications():
    """Two applications at once on one rrtod: each has its results, whatever the other does, and rrtod ends well."""
    with Folder() as folder:
        script = write(folder, "threads.py", THREADS)
        oracle = rrto_run("plain", [python(), script]).must_succeed()
        with Server(folder) as server:
            line = [str(RRTO), "run", "--server", server.address, "--report"]
            both = [subprocess.Popen(line + [f"{folder}/{i}.json", "--", python(), str(script)], env=clean_environment(), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for i in range(2)]
            for i, process in enumerate(both):
                out, err = process.communicate(timeout=240)
                check(process.returncode == 0, f"application {i} ended with {process.returncode}\n{tail(err)}")
                check(out == oracle.out, f"application {i}: other results than in plain\n{tail(out)}")
                check(json.loads(Path(f"{folder}/{i}.json").read_text())["ops"] > 100, f"application {i}: no work in its report")
        check(server.status == 0, f"rrtod ended with {server.status}\n{tail(server.log.read_text())}")
    print("two applications: equal")


SCENARIOS = {"two-threads": two_threads, "children": children, "sudden-ends": sudden_ends, "interactive": interactive, "preloaded": preloaded,
             "two-applications": two_applications}
