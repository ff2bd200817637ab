# SPDX-License-Identifier: Apache-2.0
"""The quick workloads of zoo.py: the same bytes in plain and replay, nearly the CPU's results, a table of what they cost."""

from pathlib import Path

from harness import HERE, Folder, check, must_equal, python, rrto_run

# name: frames, options of compare.py against the CPU
QUICK = {
    "resnet18": (4, ["--tolerance", "1e-4"]),
    "resnet18_fp16": (4, ["--tolerance", "2e-3"]),
    "image_app": (4, ["--tolerance", "1e-4", "--exact", "indices"]),
    "unet": (4, ["--tolerance", "1e-4"]),
    "mobilenet_v3": (4, ["--tolerance", "1e-4"]),
    "gpt_static": (4, ["--tolerance", "1e-3", "--exact", "tokens"]),
    "lstm": (6, ["--tolerance", "1e-5"]),
    "recurrent": (4, ["--tolerance", "1e-5"]),
    "recurrent_fp16": (4, ["--tolerance", "2e-3"]),
    "shapes": (12, ["--tolerance", "1e-4"]),
}
SHOWN = ("round_trips", "ops", "arg_bytes_changed")


def workload(name, mode, frames, folder, device="cuda"):
    results, report = (Path(folder) / f"{name}-{mode}-{device}.{kind}" for kind in ("npz", "json"))
    command = [python(), HERE / "zoo.py", name, "--device", device, "--frames", frames, "--out", results]
    run = rrto_run(mode, command, report=report).must_succeed()
    run.results = results
    return run


def zoo():
    """The quick workloads of zoo.py: plain and replay equal, the CPU nearly."""
    with Folder() as folder:
        for name, (frames, options) in QUICK.items():
            plain = workload(name, "plain", frames, folder)
            replay = workload(name, "replay", frames, folder)
            must_equal(replay, plain, f"{name}, replay")
            must_equal(plain, workload(name, "plain", frames, folder, "cpu"), f"{name}, plain against the CPU", *options)
            print("  last:", ", ".join(f"{key} {replay.report[key + '_per_inference_last']}" for key in SHOWN))


def graphs():
    """PyTorch's CUDA graphs: the same bytes in every mode, eager PyTorch's results on the CPU, one round trip per replayed graph."""
    modes = ("percall", "percall-device", "async", "replay")
    with Folder() as folder:
        for name, frames, options in (("graph", 4, "1e-4"), ("graphed_steps", 4, "1e-4"), ("graph_dropout", 4, None)):
            plain = workload(name, "plain", frames, folder)
            for mode in modes:
                must_equal(workload(name, mode, frames, folder), plain, f"{name}, {mode}")
            if options:
                eager = workload("resnet18" if name == "graph" else name, "plain", frames, folder, "cpu")
                must_equal(plain, eager, f"{name}, plain against the CPU, eager", "--tolerance", options)
        must_equal(workload("graph", "plain", 4, folder), workload("resnet18", "plain", 4, folder), "graph against eager")
        counts = {}
        for frames in (10, 20):
            report = workload("graph", "replay", frames, folder).report
            counts[frames] = report["round_trips"]
        print(f"graph: {counts}, last inference: " +
              ", ".join(f"{key} {report[key + '_per_inference_last']}" for key in (*SHOWN, "op_bytes_up", "frames_up")))
        check(counts[20] - counts[10] == 10, f"{(counts[20] - counts[10]) / 10} round trips per replayed graph, not 1")


SCENARIOS = {"zoo": zoo, "graphs": graphs}
