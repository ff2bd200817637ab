# SPDX-License-Identifier: Apache-2.0
"""For the semantic tests that are scripts: modes and seeds, as `run` has them for programs."""

import argparse
import os

MODES = ["plain", "percall", "async", "replay"]
RRTO = os.path.abspath(os.path.join(os.environ.get("BUILD_DIR", "build"), "bin", "rrto"))


def arguments(text, *programs):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--only", metavar="MODE", choices=MODES)
    for program in programs:
        parser.add_argument(program)
    return parser.parse_args()


def modes(options):
    return [options.only] if options.only else MODES


def seeds(options):
    return range(options.first, options.first + options.seeds)


def judge_all(options, problems_in):
    """Calls problems_in(mode, words of `rrto run` in that mode) without the scheduler and with each seed; prints, and returns the exit
    status."""
    failures = 0
    for mode in modes(options):
        failed = []
        for seed in [None, *seeds(options)]:
            words = [RRTO, "run", "--mode", mode] + ([] if seed is None else ["--sched", "adversarial:%d" % seed])
            problems = problems_in(mode, words)
            for problem in problems:
                print("    seed %s: %s" % (seed, problem.replace("\n", "\n    ")))
            failed += ["none" if seed is None else str(seed)] if problems else []
        print("%-8s %s" % (mode, "FAILED under %s" % ", ".join(failed) if failed else "ok"), flush=True)
        failures += bool(failed)
    return 1 if failures else 0


def environment(**variables):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RRTO_", "SOFT_GPU_"))}
    kept.update(variables)
    return kept
