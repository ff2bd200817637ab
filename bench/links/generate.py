#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""generate.py FOLDER: writes the links that come with rrto there, the same bytes every time."""

import math
import os
import random
import sys

SECONDS, STEP = 300, 0.1


def correlated(generator, n, memory_s):
    """A standard normal AR(1) process whose correlation falls to 1/e in memory_s."""
    keep = math.exp(-STEP / memory_s)
    value, values = generator.gauss(0, 1), []
    for _ in range(n):
        value = keep * value + math.sqrt(1 - keep * keep) * generator.gauss(0, 1)
        values.append(value)
    return values


def with_distribution(values, knots):
    """The same order of large and small, with a distribution whose quantiles lie on straight lines between the knots (share, value)."""
    ranks = sorted(range(len(values)), key=values.__getitem__)
    result = [0.0] * len(values)
    for rank, index in enumerate(ranks):
        share = (rank + 0.5) / len(values)
        for (left, low), (right, high) in zip(knots, knots[1:]):
            if left <= share <= right:
                result[index] = low + (high - low) * (share - left) / (right - left)
                break
    return result


def in_mbit(knots_mbyte):
    return [(share, 8 * value) for share, value in knots_mbyte]


def trace(seed, memory_s, up, down=None, gaps=None):
    """Lines `seconds up down` (or `seconds Mbit/s`). gaps: (mean seconds between, seconds long): times in which nothing passes."""
    generator = random.Random(seed)
    n = int(SECONDS / STEP)
    columns = [with_distribution(correlated(generator, n, memory_s), up)]
    if down:
        columns.append(with_distribution(correlated(generator, n, memory_s), down))
    if gaps:
        at = generator.expovariate(1 / gaps[0])
        while at < SECONDS - gaps[1]:
            for i in range(int(at / STEP), int((at + gaps[1]) / STEP)):
                for column in columns:
                    column[i] = 0.0
            at += gaps[1] + generator.expovariate(1 / gaps[0])
    lines = []
    for i in range(n):
        lines.append(f"{i * STEP:.1f} " + " ".join(f"{column[i]:.2f}".rstrip("0").rstrip(".") for column in columns))
    return lines


# Quantiles in MB/s. Those between the published ones are chosen so that the mean is the published one.
INDOORS = in_mbit([(0, 0.3), (0.05, 2), (0.5, 9.7), (0.95, 18), (1, 21)])
OUTDOORS = in_mbit([(0, 0.1), (0.05, 0.5), (0.5, 5), (0.95, 23.65), (1, 28.4)])

LINKS = {
    "wifi-indoors": {
        "text": ["Wi-Fi of a robot indoors. Throughput has the statistics that the RRTO group gives for theirs: mean 9.9 MB/s, 5th percentile 2, 95th 18.",
                 "Assumed: the distribution between these, correlation over 1 s, the same in both directions, delay and jitter."],
        "keys": ["delay=2", "jitter=2"], "seed": 11, "memory": 1.0, "up": INDOORS},
    "wifi-outdoors": {
        "text": ["Wi-Fi of a robot outdoors. Throughput has the statistics that the RRTO group gives for theirs: mean 9.0 MB/s, median 5.",
                 "Assumed: all other quantiles, correlation over 2 s, the same in both directions, delay and jitter."],
        "keys": ["delay=3", "jitter=5"], "seed": 12, "memory": 2.0, "up": OUTDOORS},
    "lte": {
        "text": ["Like LTE, made up: median 10 Mbit/s up and 30 down, 25 ms one way, 10 ms jitter, handovers of 100 ms every 30 s on average."],
        "keys": ["delay=25", "jitter=10"], "seed": 13, "memory": 3.0, "up": [(0, 1), (0.05, 3), (0.5, 10), (0.95, 20), (1, 25)],
        "down": [(0, 3), (0.05, 8), (0.5, 30), (0.95, 65), (1, 80)], "gaps": (30, 0.1)},
    "5g": {
        "text": ["Like 5G in a middle band, made up: median 60 Mbit/s up and 250 down, 8 ms one way, 4 ms jitter, something in the way for 300 ms every",
                 "40 s on average."],
        "keys": ["delay=8", "jitter=4"], "seed": 14, "memory": 2.0, "up": [(0, 5), (0.05, 15), (0.5, 60), (0.95, 110), (1, 130)],
        "down": [(0, 20), (0.05, 60), (0.5, 250), (0.95, 600), (1, 700)], "gaps": (40, 0.3)},
    "stall-1": {"text": ["80 Mbit/s and 5 ms one way, with a gap of 1 s ten seconds after the beginning and every 30 s from then on."],
                "keys": ["delay=5", "rate=80", "stall=1@10/30"]},
    "stall-10": {"text": ["80 Mbit/s and 5 ms one way, with a gap of 10 s ten seconds after the beginning and every 60 s from then on."],
                 "keys": ["delay=5", "rate=80", "stall=10@10/60"]},
    "stall-78": {"text": ["80 Mbit/s and 5 ms one way, with a gap of 78 s ten seconds after the beginning and every 180 s from then on (the longest in public",
                          "Wi-Fi traces)."],
                 "keys": ["delay=5", "rate=80", "stall=78@10/180"]},
}


def text_of(name):
    link = LINKS[name]
    lines = ["# " + line for line in link["text"]]
    if "seed" in link:
        columns = "seconds up down, in Mbit/s" if "down" in link else "seconds Mbit/s"
        lines.append(f"# Made by bench/links/generate.py with seed {link['seed']}. Lines: {columns}.")
    else:
        lines.append("# Made by bench/links/generate.py.")
    lines += link["keys"]
    if "seed" in link:
        lines += trace(link["seed"], link["memory"], link["up"], link.get("down"), link.get("gaps"))
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: generate.py FOLDER")
    for name in LINKS:
        with open(os.path.join(sys.argv[1], name + ".link"), "w") as file:
            file.write(text_of(name))


if __name__ == "__main__":
    main()
