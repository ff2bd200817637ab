#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/gpu/run where there is no GPU: exit status 77 and a sentence that says why, at once."""

import os
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[3]
build = os.environ.get("BUILD_DIR", str(root / "build"))
done = subprocess.run([sys.executable, root / "tests" / "gpu" / "run", "--prefix", build],
                      env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}, capture_output=True, text=True, timeout=60)
print(done.stderr, end="")
if done.returncode != 77 or not done.stderr.startswith("skipped: no NVIDIA driver") and "finds no GPU" not in done.stderr:
    sys.exit(f"expected status 77 and a reason, got {done.returncode}: {done.stdout}{done.stderr}")
