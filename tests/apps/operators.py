# SPDX-License-Identifier: Apache-2.0
"""Small PyTorch operators, one by one (ops.py): on the soft GPU as on the CPU, and the same totals when predicted."""

from harness import HERE, check, python, rrto_run


def operators():
    """Some 260 operators of stock PyTorch: near the CPU's result."""
    for mode in ("plain", "replay"):
        run = rrto_run(mode, [python(), HERE / "ops.py"])
        check(run.status == 0, f"{run.shown}\nended with {run.status}\n{run.out}\n{run.err[-2000:]}")
        print(f"{mode}: {run.out.splitlines()[-1]}")


SCENARIOS = {"operators": operators}
