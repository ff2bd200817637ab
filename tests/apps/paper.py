# SPDX-License-Identifier: Apache-2.0
"""The networks of examples/bench_models.py: right in every mode, and at their cost with the computing left out."""

import collections
import functools
from pathlib import Path

from harness import RRTO, Folder, Run, check, example, must_equal
from modes import described
from waits import must_wait

SMALL = 224  # side of the detector's images: a CPU has to compute it
STATIC = ("vgg19_bn", "resnet152", "densenet121", "convnext_large", "occupancy")
# Those that are new in kind: further arguments, frames, options of compare.py against the CPU. Keypoints are places in a picture.
COMPARED = {
    "densenet121": ([], 3, ["--tolerance", "1e-4"]),
    "occupancy": ([], 4, ["--tolerance", "1e-4"]),
    "keypointrcnn": (["--size", SMALL], 3, ["--tolerance", "1e-3"]),
}
VARIANTS = [
    ("percall-device", "percall-device", {}),
    ("async", "async", {}),
    ("replay", "replay", {}),
    ("replay with forced deviations", "replay", {"RRTO_DEVIATE": "7"}),
]


def network(name, mode, frames, folder, label=None, arguments=(), **options):
    """Each network's runs have files of their own."""
    label = f"{name}-{label or mode}"
    return example("bench_models", mode, frames, folder, label, arguments=["--model", name, *arguments], **options)


def every_mode(name):
    """{name}: plain, percall-device, async, replay and forced deviations give the same bytes; CPU nearly."""
    arguments, frames, options = COMPARED[name]
    with Folder() as folder:
        plain = network(name, "plain", frames, folder, arguments=arguments)
        cpu = network(name, "plain", frames, folder, "cpu", arguments, device="cpu")
        must_equal(plain, cpu, f"{name}, plain against the CPU", *options)
        for label, mode, environment in VARIANTS:
            run = network(name, mode, frames, folder, label, arguments, environment=environment)
            must_equal(run, plain, f"{name}, {label}")


def skipped():
    """Each static network with the computing left out: one round trip per inference, and the report says so."""
    with Folder() as folder:
        for name in STATIC:
            report = network(name, "replay", 6, folder, options=["--compute", "skip"]).report
            last = {key: report[f"{key}_per_inference_last"] for key in ("calls", "ops", "op_bytes_up", "round_trips")}
            print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in last.items()), flush=True)
            check(report["compute"] == "skip", f"the report says compute {report['compute']}")
            check(report["inferences"] == 6, f"{name}: {report['inferences']} inferences counted, not 6")
            check(last["round_trips"] == 1, f"{name}: {last['round_trips']} round trips in the last inference, not 1")


def detector_waits():
    """keypointrcnn: with kept answers and nothing computed it does what it really does, and waits no more often than it must."""
    few, many, arguments = 3, 6, ["--size", SMALL]
    with Folder() as folder:
        answers, trace = Path(folder) / "answers", Path(folder) / "trace"
        real = network("keypointrcnn", "percall-device", few, folder, "real", arguments, options=["--answers", answers])
        options = ["--compute", "skip", "--answers", answers]
        again = network("keypointrcnn", "percall-device", few, folder, "again", arguments, options=options)
        network("keypointrcnn", "percall-device", many, folder, "traced", arguments, options=options,
                environment={"RRTO_TRACE": str(trace)})
        dumped = Run([RRTO, "dump", trace]).must_succeed().out.splitlines()
        trips = {n: network("keypointrcnn", "replay", n, folder, None, arguments, options=options).report["round_trips"]
                 for n in (few, many)}
    for key in ("calls", "ops", "payload_up", "payload_down"):
        check(real.report[key] == again.report[key], f"{key}: {real.report[key]} when computed, {again.report[key]} with kept answers")
    print(f"computed or not: {real.report['calls']} calls, {real.report['ops']} ops")
    frames = must_wait(dumped, 3 * SMALL * SMALL * 4)
    check(len(frames) == many, f"{len(frames)} frames found in the trace, not {many}")
    counts = sum(frames[few:], collections.Counter())
    print(f"keypointrcnn, frames {few + 1} to {many}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    print(f"round trips in replay: {trips[many] - trips[few]}")
    check(counts["data dependencies"] > 15 * (many - few), f"only {counts['data dependencies']} data dependencies: does nothing depend?")
    most = sum(counts.values())
    check(trips[many] - trips[few] <= most, f"{trips[many] - trips[few]} round trips, {most} are needed")


SCENARIOS = {
    **{f"modes-{name}": described(functools.partial(every_mode, name), every_mode.__doc__.format(name=name)) for name in COMPARED},
    "skipped": skipped,
    "keypoint-waits": detector_waits,
}
