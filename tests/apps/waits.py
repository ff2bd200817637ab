# SPDX-License-Identifier: Apache-2.0
"""What a program must wait for, counted in its op stream, against the round trips that it costs in replay."""

import collections
import re
from pathlib import Path

from harness import RRTO, Folder, Run, check, example

# What a synchronise may wait for in vain: copies out of the application's memory, fills, events. All else can fail or be seen.
INVISIBLE = ("mem_copy_h2d", "mem_copy_d2d", "mem_set", "event_")
FIRST_USES = ("module_load", "function_get")
IMAGE_BYTES = 3 * 320 * 320 * 4
# An op in what `rrto dump` prints, and whether it was waited for.
LINE = re.compile(r"\s*\d+\s+[\d.]+\s+lane (?P<lane>\d+)\s+(?:lit|(?:pred|patch)\s+<- \d+)\s+(?P<waited>! )?\s*(?P<op>\w+)\(")


def must_wait(lines, image_bytes=IMAGE_BYTES):
    """Per frame (each begins with its image's copy): data dependencies, synchronises that cover work, first uses."""
    frames, outstanding, copied = [collections.Counter()], False, False
    for line in lines:
        found = LINE.match(line)
        if not found:
            continue
        name = found["op"]
        if name == "mem_copy_h2d" and f"n_bytes={image_bytes}," in line:
            frames.append(collections.Counter())
        if name == "mem_copy_d2h":
            frames[-1]["data dependencies"] += 1
            outstanding, copied = False, True
        elif name == "stream_synchronize":
            # Right after a copy to the host it is the same wait.
            if outstanding and not copied:
                frames[-1]["synchronises"] += 1
            outstanding = copied = False
        elif name in FIRST_USES:
            frames[-1]["first uses"] += 1
        elif not name.startswith(INVISIBLE):
            outstanding, copied = True, False
    return frames[1:]


def detect_waits():
    """detect in replay: no more round trips per frame than its data dependencies and the synchronises that cover work."""
    few, many = 4, 8
    with Folder() as folder:
        trace = Path(folder) / "trace"
        example("detect", "percall-device", many, folder, environment={"RRTO_TRACE": str(trace)})
        dumped = Run([RRTO, "dump", trace]).must_succeed().out.splitlines()
        trips = {n: example("detect", "replay", n, folder).report["round_trips"] for n in (few, many)}
    frames = must_wait(dumped)
    check(len(frames) == many, f"{len(frames)} frames found in the trace, not {many}")
    counts = sum(frames[few:], collections.Counter())
    print(f"detect, frames {few + 1} to {many}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    print(f"round trips in replay: {trips[many] - trips[few]}, of which first uses of a kernel explain {counts['first uses']}")
    check(counts["data dependencies"] > 100 * (many - few), f"only {counts['data dependencies']} data dependencies: does nothing depend?")
    most = sum(counts.values())
    check(trips[many] - trips[few] <= most, f"{trips[many] - trips[few]} round trips, {most} are needed")


SCENARIOS = {"detect-waits": detect_waits}
