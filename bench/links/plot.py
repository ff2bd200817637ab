#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plot.py [LINK...] > links.svg: draws the traces of link files, one panel each, as means over a second. All that come with rrto by default."""

import glob
import os
import sys

WIDTH, HEIGHT, LEFT, TOP, GAP = 900, 110, 70, 24, 34
COLOURS = {"up": "#0b6e99", "down": "#c4500a"}
SECONDS = 300


def read(path):
    """(rate keyed by name: list of (second, Mbit/s)). A constant rate with stalls becomes a list, too."""
    keys, rows = {}, []
    with open(path) as file:
        for line in file:
            line = line.strip()
            if "=" in line and not line.startswith("#"):
                key, value = line.split("=", 1)
                keys[key] = value
            elif line and not line.startswith("#"):
                rows.append([float(column) for column in line.split()])
    if rows:
        means = []
        for second in range(SECONDS):
            within = [row for row in rows if second <= row[0] < second + 1]
            means.append([sum(row[i] for row in within) / len(within) for i in range(1, len(within[0]))])
        names = ["up", "down"] if len(means[0]) == 2 else ["up"]
        return {name: [mean[i] for mean in means] for i, name in enumerate(names)}
    length, rest = keys["stall"].split("@")
    start, period = (float(part) for part in rest.split("/"))
    rates = [0.0 if second >= start and (second - start) % period < float(length) else float(keys["rate"]) for second in range(SECONDS)]
    return {"up": rates}


def panel(path, top):
    lines = read(path)
    most = max(max(line) for line in lines.values())
    step = next(size for size in (10, 20, 50, 100, 200, 500, 1000) if most / size <= 5)
    ceiling = step * (int(most / step) + 1)
    name = os.path.basename(path).removesuffix(".link")
    both = "both directions" if len(lines) == 1 else "up (blue) and down (orange)"
    parts = [f'<text x="{LEFT}" y="{top - 6}" font-weight="bold">{name}<tspan font-weight="normal">, {both}</tspan></text>']
    for value in range(0, ceiling + 1, step):
        y = top + HEIGHT * (1 - value / ceiling)
        parts.append(f'<path d="M{LEFT} {y:.1f}h{WIDTH}" stroke="#ddd"/><text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    for second in range(0, SECONDS + 1, 60):
        x = LEFT + WIDTH * second / SECONDS
        parts.append(f'<text x="{x:.0f}" y="{top + HEIGHT + 14}" text-anchor="middle">{second} s</text>')
    parts.append(f'<text x="14" y="{top + HEIGHT / 2}" transform="rotate(-90 14 {top + HEIGHT / 2})" text-anchor="middle">Mbit/s</text>')
    for direction, rates in lines.items():
        points = " ".join(f"{LEFT + WIDTH * (i + 0.5) / SECONDS:.0f},{top + HEIGHT * (1 - rate / ceiling):.0f}" for i, rate in enumerate(rates))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[direction]}"/>')
    return parts


def main():
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "*.link")))
    total = TOP + len(paths) * (HEIGHT + GAP + TOP)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{total}" font-family="sans-serif" font-size="12">')
    print(f'<rect width="100%" height="100%" fill="white"/>')
    for i, path in enumerate(paths):
        print("\n".join(panel(path, 2 * TOP + i * (HEIGHT + GAP + TOP))))
    print("</svg>")


if __name__ == "__main__":
    main()
