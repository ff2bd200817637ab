# SPDX-License-Identifier: Apache-2.0
"""cuBLAS, cuBLASLt and cuDNN, operation by operation (libraries.py): the same bytes in every mode, nearly the CPU's results."""

from pathlib import Path

from harness import HERE, Folder, check, must_equal, python, rrto_run
from modes import VARIANTS

FRAMES = 3
TOLERANCE = "1e-5"  # of the largest value of each operation, fp32


def program(label, mode, folder, device="cuda", environment=None):
    results, report = (Path(folder) / f"{label.replace(' ', '_')}.{kind}" for kind in ("npz", "report"))
    run = rrto_run(mode, [python(), HERE / "libraries.py", "--device", device, "--frames", FRAMES, "--out", results], environment, report)
    run.must_succeed()
    run.results = results
    if device == "cuda":
        check(run.report and run.report["ops"] > 0, f"{run.shown}\nnever used the device")
    return run


def operations():
    """Convolutions, products and normalisations: plain near the CPU, every other mode equal to plain."""
    with Folder() as folder:
        plain = program("plain", "plain", folder)
        must_equal(plain, program("cpu", "plain", folder, "cpu"), "libraries, plain against the CPU", "--tolerance", TOLERANCE)
        for label, mode, environment in VARIANTS:
            must_equal(program(label, mode, folder, environment=environment), plain, f"libraries, {label}")


SCENARIOS = {"libraries": operations}
