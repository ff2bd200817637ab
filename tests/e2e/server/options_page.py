#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md names every option of rrtod and no other, with its default."""

import os
import re
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[3]
rrtod = Path(os.environ.get("BUILD_DIR", root / "build")) / "bin" / "rrtod"
dump = subprocess.run([rrtod, "--dump-config"], capture_output=True, text=True, check=True).stdout
code = dict(re.findall(r"^(?:# )?([a-z-]+) = ?(.*)$", dump, re.M))
page = dict(re.findall(r"^\| ([a-z-]+) \|([^|]*)\|", (root / "docs" / "operations.md").read_text(), re.M))
page.pop("name", None)
problems = [f"docs/operations.md has no option {name}" for name in code.keys() - page.keys()]
problems += [f"rrtod has no option {name}" for name in page.keys() - code.keys()]
for name in sorted(code.keys() & page.keys() - {"listen"}):
    said = page[name].strip()
    number = re.fullmatch(r"(\d+)M", said)
    said = str(int(number[1]) << 20) if number else said
    if said != code[name]:
        problems.append(f"{name}: the page says '{said}', rrtod '{code[name]}'")
if len(code) < 10:
    problems.append("rrtod --dump-config shows hardly anything")
print("\n".join(problems) or f"{len(code)} options")
sys.exit(bool(problems))
