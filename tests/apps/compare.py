#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two .npz files of results, array by array, along the frames of the first axis.

    compare.py A.npz B.npz [--tolerance T] [--exact NAME,...] [--only NAME,...]

Without --tolerance every byte has to be equal. With it, max|a-b| / max|b| of each array has to be at most T, except for the arrays
named with --exact. Both files must hold the same arrays, and in each file at least two frames must differ: results that never change
would make every comparison pass. Prints one line; exit status 1 when anything is wrong.
"""

import argparse
import sys

import numpy


def load(path):
    with numpy.load(path) as file:
        return {name: file[name] for name in file.files}


def constant_arrays(path, arrays):
    """Complaints about arrays whose frames are all alike. Scores may saturate, so an array of single numbers need not change."""
    complaints = []
    if not arrays:
        complaints.append(f"{path}: no arrays")
    for name, array in arrays.items():
        if array.size == 0:
            complaints.append(f"{path}: {name} is empty")
        elif len(array) > 1 and array.ndim > 1 and all(frame.tobytes() == array[0].tobytes() for frame in array[1:]):
            complaints.append(f"{path}: all frames of {name} are equal")
        if not numpy.isfinite(array).all():
            complaints.append(f"{path}: {name} holds values that are no numbers")
    return complaints


def compare(a, b, tolerance, exact):
    """(complaints, largest relative difference)"""
    complaints, largest = [], 0.0
    if a.keys() != b.keys():
        return [f"different arrays: {sorted(a)} and {sorted(b)}"], largest
    for name in a:
        x, y = a[name], b[name]
        if x.shape != y.shape or x.dtype != y.dtype:
            complaints.append(f"{name}: {x.dtype}{x.shape} and {y.dtype}{y.shape}")
            continue
        scale = float(numpy.abs(y).max())
        difference = float(numpy.abs(x.astype(float) - y.astype(float)).max()) / scale if scale else float(numpy.abs(x).max())
        if tolerance is None or name in exact:
            if x.tobytes() != y.tobytes():
                complaints.append(f"{name}: bytes differ, by at most {difference:.3g} of the largest value")
        elif not difference <= tolerance:
            complaints.append(f"{name}: differs by {difference:.3g} of the largest value, {tolerance:g} is allowed")
        largest = max(largest, difference)
    return complaints, largest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--tolerance", type=float)
    parser.add_argument("--exact", default="", help="arrays that must be equal all the same")
    parser.add_argument("--only", default="", help="arrays to look at; the others are left aside")
    options = parser.parse_args()
    a, b = load(options.a), load(options.b)
    if options.only:
        wanted = options.only.split(",")
        a, b = ({name: arrays[name] for name in wanted} for arrays in (a, b))
    complaints = constant_arrays(options.a, a) + constant_arrays(options.b, b)
    different, largest = compare(a, b, options.tolerance, options.exact.split(","))
    complaints += different
    if complaints:
        print("\n".join(complaints))
        sys.exit(1)
    print("equal" if largest == 0 else f"equal within {largest:.2g}")


if __name__ == "__main__":
    main()
