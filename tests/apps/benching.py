# SPDX-License-Identifier: Apache-2.0
"""`rrto bench` on examples/classify.py: stock PyTorch in every mode, beside the CPU and the hand-written offload."""

import json
import os
import shutil

from harness import EXAMPLES, ROOT, RRTO, Folder, Run, check, python

LIMIT_S = 1100
PHASES = ["dispatch", "upload", "link", "queue", "compute", "download"]


def bench(folder, label, modes, frames, *options):
    """Runs it; the figures of each mode, and all of them."""
    path = os.path.join(folder, label + ".json")
    split = f"{python()} {ROOT / 'bench' / 'split' / 'split.py'} classify"
    command = [RRTO, "bench", "--modes", ",".join(modes), "--link", "delay=5,rate=80", "--frames", frames, "--few-frames", 2, "--rounds", 1,
               "--warmup", 2, "--split", split, "--json", path, *options, "--", python(), EXAMPLES / "classify.py", "--frames", "{frames}",
               "--device", "{device}", "--times", "{times}"]
    Run(command, limit_s=LIMIT_S).must_succeed()
    with open(path) as file:
        figures = json.load(file)
    return {mode["mode"]: mode for mode in figures["modes"]}, figures


def bench_classify():
    """ResNet-18 in every mode, on the CPU and split: counts, phases, clocks and plots are right."""
    plots = ["--plot", "plots"] if shutil.which("gnuplot") else []
    with Folder() as folder:
        if plots:
            plots[1] = os.path.join(folder, "plots")
        modes, figures = bench(folder, "all", ["cpu", "percall", "percall-device", "async", "replay", "split"], 12, "--compute", "20", *plots)
        check((figures["compute"], figures["compute_is_real"]) == ("20 ms", False), f"compute: {figures['compute']}")
        for name, mode in modes.items():
            wanted = 2 if name == "percall" else 12
            check(mode["n"] == wanted and mode["inferences_per_frame"] == 1, f"{name}: {mode['n']} inferences, not {wanted}")
            if name == "cpu":
                continue
            difference = sum(mode["mean_phases_ms"].values()) - mode["mean_total_ms"]
            check(abs(difference) < 1e-4, f"{name}: the phases miss the total by {difference} ms")
            # 60 ms of bytes, 10 of link and 20 of stated compute: no mode can be faster
            check(min(sample for one in mode["rounds"] for sample in one["latency_ms"]) > 85, f"{name}: faster than the link")
            check(mode["mean_phases_ms"]["compute"] > 15, f"{name}: compute takes {mode['mean_phases_ms']['compute']} ms")
        trips = {name: mode["per_inference"]["round_trips"] for name, mode in modes.items()}
        check(trips["replay"] == 1 and trips["async"] == 1, f"round trips: {trips}")
        check(trips["percall"] > 10 * trips["percall-device"] > 100, f"round trips: {trips}")
        for name in ("async", "replay", "percall-device"):  # the client's clock and the application's agree, but for what Python does around
            own, application = modes[name]["latency_ms"]["p50"]["value"], modes[name]["application_ms"]["p50"]["value"]
            check(abs(own - application) < 0.25 * application, f"{name}: {own} ms by the client's clock, {application} by the application's")
        check(not plots or len(os.listdir(plots[1])) == 6, "plots are missing")
        print({name: round(mode["mean_total_ms"], 1) for name, mode in modes.items()})


def bench_real_split():
    """With --compute real the hand-written offload computes on the same device; the modes of rrto give what they give."""
    with Folder() as folder:
        modes, figures = bench(folder, "real", ["replay", "split"], 6)
        check(figures["compute"] == "real" and figures["compute_is_real"], f"compute: {figures['compute']}")
        check(modes["split"]["mean_phases_ms"]["compute"] > 5, "split computed nothing")
        print({name: round(mode["mean_total_ms"], 1) for name, mode in modes.items()})


SCENARIOS = {"bench-classify": bench_classify, "bench-split-real": bench_real_split}
