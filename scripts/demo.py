# SPDX-License-Identifier: Apache-2.0
"""Runs unmodified PyTorch programs on the soft GPU behind an emulated link, in every mode, and prints what that costs.

Each row is one process under `rrto run`, over its own `rrto link` to one rrtod. The rows of one program have to give the same results,
bit for bit, and nearly those of the CPU; otherwise the exit status is 1.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = ["classify", "faces"]
# (row, device of the program, frames). percall is slow: three frames say enough.
ROWS = [
    ("cpu", "cpu", 30),
    ("percall", "cuda", 3),
    ("percall-device", "cuda", 10),
    ("async", "cuda", 30),
    ("replay", "cuda", 30),
]
# A frame of faces is two inferences, of different size: 6 frames fill the report's last 10 inferences with steady ones.
MORE_FRAMES = {("faces", "percall"): 6}
REFERENCE = "percall"
SAME = ["percall-device", "async", "replay"]  # bit for bit as the reference
CPU_TOLERANCE = 1e-4
ROW_TIMEOUT_S = 400


def say(text):
    print(text, file=sys.stderr, flush=True)


class Server:
    """One rrtod with the soft GPU on a unix socket, for all rows."""

    def __init__(self, binaries, folder):
        self.address = "unix:" + os.path.join(folder, "rrtod.sock")
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            [binaries + "/rrtod", "--device", "soft", "--listen", self.address, "--ready-fd", str(writing),
             "--exit-with-parent", "--log", "warn"],
            pass_fds=[writing], stdin=subprocess.DEVNULL,
        )
        os.close(writing)
        ready = os.read(reading, 100)
        os.close(reading)
        if not ready:
            sys.exit("demo: rrtod did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)


class Link:
    """One emulated link, for one row, so that its byte counts are the row's."""

    def __init__(self, binaries, folder, target, options):
        self.address = "unix:" + os.path.join(folder, "link.sock")
        self.process = subprocess.Popen(
            [binaries + "/rrto", "link", "--listen", self.address, "--to", target,
             "--delay", str(options.rtt / 2), "--rate", str(options.rate)],
            stdout=subprocess.PIPE, text=True,
        )
        self.process.stdout.readline()  # "listening on ..."

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=20)
        return json.loads(out)


def watch(process, label, frames):
    """Shows progress from the program's own output; its exit status."""
    begin, done, output = time.monotonic(), 0, []
    for line in process.stdout:
        output.append(line)
        if line.startswith("frame "):
            done += 1
            if frames <= 5 or done % 10 == 0 or done == frames:
                say(f"  {label}: {done} of {frames} frames, {time.monotonic() - begin:.0f} s")
    status = process.wait()
    if status != 0:
        say("".join(output[-20:]))
    return status


def run_row(options, folder, server, program, row, device, frames):
    """Runs one row; returns what it measured."""
    binaries = options.build + "/bin"
    link = Link(binaries, folder, server.address, options)
    out, times, report = (os.path.join(folder, f"{program}-{row}.{kind}") for kind in ("npz", "times", "report"))
    command = [binaries + "/rrto", "run", "--server", link.address, "--report", report]
    if device == "cuda":
        command += ["--mode", row]
    command += ["--", sys.executable, f"{ROOT}/examples/{program}.py", "--device", device, "--frames", str(frames),
                "--out", out, "--times", times]
    say(f"{program}, {row}:")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RRTO_")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                               env=dict(environment, PYTHONUNBUFFERED="1"))
    signal.alarm(ROW_TIMEOUT_S)
    status = watch(process, row, frames)
    signal.alarm(0)
    totals = link.stop()
    if status != 0:
        sys.exit(f"demo: {program} in mode {row} failed with status {status}")
    with open(times) as file:
        measured = json.load(file)
    with open(report) as file:
        counted = json.load(file)
    if device == "cuda" and (counted["ops"] == 0 or counted["inferences"] == 0):
        sys.exit(f"demo: {program} in mode {row} did not use the device")
    return {"program": program, "row": row, "frames": frames, "times": measured, "report": counted, "link": totals,
            "results": out}


def load(entry):
    with numpy.load(entry["results"]) as results:
        return {name: results[name] for name in results.files}


def identical(a, b):
    """Whether the frames that both have are equal, bit for bit."""
    if a.keys() != b.keys():
        return False
    for name in a:
        frames = min(len(a[name]), len(b[name]))
        if frames == 0 or a[name].dtype != b[name].dtype or a[name][:frames].tobytes() != b[name][:frames].tobytes():
            return False
    return True


def difference(a, b):
    """max|a - b| / max|b| of the worst array."""
    worst = 0.0
    for name in b:
        frames = min(len(a[name]), len(b[name]))
        x, y = a[name][:frames].astype(numpy.float64), b[name][:frames].astype(numpy.float64)
        scale = numpy.abs(y).max()
        worst = max(worst, float(numpy.abs(x - y).max() / scale) if scale else float(numpy.abs(x).max()))
    return worst


def all_frames_alike(results):
    """A result that does not depend on the frame would pass every comparison."""
    return all(bool((array == array[:1]).all()) for array in results.values())


def p50(entry):
    return statistics.median(entry["times"]["steady_ms"])


def print_table(entries, options):
    print(f"\nStock PyTorch on the soft GPU over {options.rtt:g} ms round trip, {options.rate:g} Mbit/s. Times in ms per frame "
          "(p50 of the steady frames);\ncalls, round trips and bytes per inference (medians; a frame of faces is two "
          "inferences). percall has few frames only, as its row says. The cpu\nrow computes without rrto; it is started by rrto run "
          "because the wheel cannot be imported without the vendor's libraries.\n")
    head = ("program", "row", "frames", "p50 ms", "import+load s", "first s", "API calls", "round trips", "bytes up",
            "bytes down")
    widths = [9, 15, 7, 9, 14, 8, 10, 12, 10, 11]
    print("".join(text.rjust(width) if i > 1 else text.ljust(width) for i, (text, width) in enumerate(zip(head, widths))))
    for entry in entries:
        report, times = entry["report"], entry["times"]
        cells = [entry["program"], entry["row"], str(entry["frames"]), f"{p50(entry):.1f}",
                 f"{times['import_load_ms'] / 1e3:.1f}", f"{times['first_ms'] / 1e3:.2f}"]
        if entry["row"] == "cpu":
            cells += ["-"] * 4
        else:
            cells += [f"{report[key + '_per_inference_last']:,}" for key in ("calls", "round_trips", "bytes_up", "bytes_down")]
        print("".join(text.rjust(width) if i > 1 else text.ljust(width) for i, (text, width) in enumerate(zip(cells, widths))))


def compare(entries, programs):
    """Prints the closing line; whether everything is as it has to be."""
    different, stuck, largest, speed = [], [], {}, {}
    for program in programs:
        rows = {entry["row"]: entry for entry in entries if entry["program"] == program}
        results = {row: load(entry) for row, entry in rows.items()}
        different += [f"{program} {row}" for row in SAME if not identical(results[row], results[REFERENCE])]
        largest[program] = max(difference(results[row], results["cpu"]) for row in results if row != "cpu")
        speed[program] = p50(rows[REFERENCE]) / p50(rows["replay"])
        if all_frames_alike(results["cpu"]):
            stuck.append(program)
    each = ", ".join(f"{program} {value:.1e}" for program, value in largest.items())
    faster = ", ".join(f"{program} {value:.0f}x" for program, value in speed.items())
    verdict = f"NOT bit-identical to {REFERENCE}: {', '.join(different)}" if different else f"async and replay are bit-identical to {REFERENCE}"
    print(f"{verdict}; largest difference to the CPU, max|a-b|/max|b|: {each}; replay against {REFERENCE}: {faster}")
    if stuck:
        print(f"all frames give the same result, so the comparison says nothing: {', '.join(stuck)}")
    if max(largest.values()) > CPU_TOLERANCE:
        print(f"the difference to the CPU is larger than {CPU_TOLERANCE:g}")
    return not different and not stuck and max(largest.values()) <= CPU_TOLERANCE


def write_report(entries, options, good, seconds):
    folder = os.path.join(options.build, "demo")
    os.makedirs(folder, exist_ok=True)
    content = {
        "good": good, "seconds": seconds, "link": {"rtt_ms": options.rtt, "rate_mbit": options.rate},
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform()},
        "rows": [{key: value for key, value in entry.items() if key != "results"} for entry in entries],
    }
    path = os.path.join(folder, "report.json")
    with open(path + ".new", "w") as file:
        json.dump(content, file, indent=1)
    os.rename(path + ".new", path)
    return path


def on_alarm(number, frame):
    sys.exit(f"demo: a row took more than {ROW_TIMEOUT_S} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="the build folder")
    parser.add_argument("--programs", nargs="+", default=PROGRAMS, choices=PROGRAMS)
    parser.add_argument("--rtt", type=float, default=10, help="ms")
    parser.add_argument("--rate", type=float, default=80, help="Mbit/s")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    begin = time.monotonic()
    signal.signal(signal.SIGALRM, on_alarm)
    say(f"{len(options.programs) * len(ROWS)} runs; the two percall rows take a minute or two each, the others seconds")
    entries = []
    with tempfile.TemporaryDirectory(prefix="rrto-demo-") as folder:
        server = Server(options.build + "/bin", folder)
        try:
            for program in options.programs:
                for row, device, frames in ROWS:
                    frames = MORE_FRAMES.get((program, row), frames)
                    entries.append(run_row(options, folder, server, program, row, device, frames))
        finally:
            server.stop()
        print_table(entries, options)
        print()
        good = compare(entries, options.programs)
    path = write_report(entries, options, good, round(time.monotonic() - begin, 1))
    say(f"{'all is well' if good else 'NOT AS IT HAS TO BE'} after {time.monotonic() - begin:.0f} s; the figures are in {path}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
