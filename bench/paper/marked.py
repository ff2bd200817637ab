# SPDX-License-Identifier: Apache-2.0
"""examples/bench_models.py as it is, with rrto_mark() (include/rrto/rrto.h) around its frames: what rrto counts as an inference is then a frame, also
for a network that waits for the device many times in each."""

import ctypes
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "examples"))
import bench_models

mark = getattr(ctypes.CDLL(None), "rrto_mark", lambda: None)


def marking(infer):
    frames = iter(range(1 << 62))

    def marked(*arguments):
        if next(frames) == 0:
            mark()  # what comes before is loading; from here on marks decide
        result = infer(*arguments)
        mark()
        return result

    return marked


for network in bench_models.NETWORKS.values():
    network.infer = marking(network.infer)
bench_models.main()
