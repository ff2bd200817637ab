#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the API descriptions into everything that would otherwise be written twice: see docs/api-format.md."""

import argparse
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from generator import check, coverage, examples, lower, outputs, parse  # noqa: E402
from generator.model import ApiError  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ORDER = ["types", "driver", "cudart", "cublas", "cublaslt", "cudnn", "nvml", "ops"]


def in_order(paths):
    def rank(path):
        stem = os.path.splitext(os.path.basename(path))[0]
        return (ORDER.index(stem) if stem in ORDER else len(ORDER), stem)
    return sorted(paths, key=rank)


def write(folder, name, text):
    """Writes a file unless it has that content already."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = text if isinstance(text, bytes) else text.encode()
    if os.path.exists(path):
        with open(path, "rb") as file:
            if file.read() == data:
                return
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", metavar="DIR", help="where the generated files go (<build>/gen)")
    parser.add_argument("--stamp", metavar="FILE", help="touch this file when done")
    parser.add_argument("--list", action="store_true", help="print the names of the generated files")
    parser.add_argument("--ratio", action="store_true", help="print the share of plain ops; exit 1 when it is below 90 %%")
    parser.add_argument("--coverage", metavar="FILE", help="write the coverage page")
    parser.add_argument("--check-headers", metavar="FILE", help="write a C++ file that compares with the vendor's headers")
    parser.add_argument("--seeds", metavar="DIR", help="write one packed example per op")
    parser.add_argument("--update-lock", action="store_true", help="give new ops their permanent numbers")
    parser.add_argument("--lock", metavar="FILE", default=os.path.join(HERE, "ops.lock"))
    parser.add_argument("--symbols", metavar="DIR", default=os.path.join(HERE, "symbols"))
    parser.add_argument("api", nargs="*", help="description files (default: those beside this program)")
    arguments = parser.parse_args()
    paths = arguments.api or in_order(glob.glob(os.path.join(HERE, "*.api")))
    try:
        api = parse.parse_all(paths, sorted(glob.glob(os.path.join(arguments.symbols, "*.tsv"))))
        lower.lower_all(api, arguments.lock, arguments.update_lock)
        if arguments.ratio:
            return coverage.print_ratio(api)
        if arguments.seeds:
            for name, data in examples.seeds(api).items():
                write(arguments.seeds, name, data)
        if arguments.check_headers:
            write(os.path.dirname(os.path.abspath(arguments.check_headers)), os.path.basename(arguments.check_headers), check.check(api))
        if arguments.coverage:
            write(os.path.dirname(os.path.abspath(arguments.coverage)), os.path.basename(arguments.coverage), coverage.page(api))
        if arguments.list or arguments.out:
            files = outputs.generate(api)
            if arguments.list:
                print("\n".join(files))
            if arguments.out:
                for name, text in files.items():
                    write(arguments.out, name, text)
                if arguments.stamp:
                    with open(arguments.stamp, "w", encoding="utf-8"):
                        pass
    except ApiError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
