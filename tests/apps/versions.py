# SPDX-License-Identifier: Apache-2.0
"""Another version of stock PyTorch (CUDA 13.2): every example, plain and replayed, and the operators."""

import os

from harness import HERE, Folder, check, example, must_equal, python, rrto_run

NEWER = "2.15.0"
EXAMPLES = {"classify": (), "faces": (), "generate": (), "adapt": ("--dropout", "0"), "detect": ()}
AGAINST_CPU = {"generate": ["--tolerance", "1e-3", "--exact", "tokens"]}


def newer():
    """PyTorch 2.15.0: every example gives the same bytes in plain and replay, and nearly the CPU's results."""
    os.environ.pop("PYTHON", None)
    os.environ["TORCH"] = NEWER
    python()  # skips where that version was not made: make -s python TORCH=2.15.0
    with Folder() as folder:
        for name, arguments in EXAMPLES.items():
            plain = example(name, "plain", 3, folder, arguments=arguments)
            must_equal(example(name, "replay", 3, folder, arguments=arguments), plain, f"{name} on {NEWER}, replay")
            cpu = example(name, "plain", 3, folder, "cpu", device="cpu", arguments=arguments)
            must_equal(plain, cpu, f"{name} on {NEWER}, plain against the CPU", *AGAINST_CPU.get(name, ["--tolerance", "1e-4"]))
        plain = example("adapt", "plain", 3, folder, "plain with dropout")  # the device's own random numbers: no CPU to compare with
        must_equal(example("adapt", "replay", 3, folder, "replay with dropout"), plain, f"adapt with dropout on {NEWER}, replay")
    run = rrto_run("replay", [python(), HERE / "ops.py"])
    check(run.status == 0, f"{run.shown}\nended with {run.status}\n{run.out}\n{run.err[-2000:]}")
    print(f"operators on {NEWER}: {run.out.splitlines()[-1]}")


SCENARIOS = {"torch-2.15": newer}
