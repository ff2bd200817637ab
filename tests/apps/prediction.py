# SPDX-License-Identifier: Apache-2.0
"""What rrto search says of traces of zoo.py's programs, and the round trips that they need: the tables of bench/search, and the acceptance of
the quick ones.

A trace depends on the program and the op vocabulary, not on the search, so it is kept in a folder until one of these changes.
"""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

from harness import EXAMPLES, HERE, ROOT, RRTO, Folder, Run, check, python
from waits import LINE


@dataclasses.dataclass
class Program:
    """One workload of zoo.py. The limits are for the steady state, which begins with frame `steady`, counted from 1."""

    name: str
    frames: int = 12
    compute: str = "skip"  # "real" where the ops depend on results
    frame_bytes: int = 0  # joins several answers into one frame: it begins with at least so much input
    steady: int = 4
    settles: bool = True  # no literal op from frame `literal_until` + 1 on, every op predicted from the third
    literal_until: int = 1
    second: int = None  # jumps in the second frame, at most
    predicted: float = 100.0
    jumps: float = 0.0  # per frame, at most
    changed: float = None  # bytes per frame, at most
    threads: int = 1
    baseline: tuple = None  # (second frame: jumps, literal), (from the fourth on: % predicted, jumps, literal, changed bytes)


def static(name, baseline_second=None, changed=None, limit=None, **options):
    baseline = baseline_second and (baseline_second, ("100", "0", "0", changed))
    return Program(name, baseline=baseline, changed=limit or changed, **{"second": 9, **options})


def branching(name, frames, steady, jumps, **options):
    return Program(name, frames, steady=steady, settles=False, predicted=99.0, jumps=jumps, **options)


# The baseline is a simulation, made on traces of the same programs under PyTorch 2.15: a predictor of forty lines that follows the successor,
# on a mismatch jumps to the latest place whose last 16, 8, 4, 2 or 1 tokens agree, and sends in full only what was never seen.
PROGRAMS = {
    program.name: program
    for program in (
        static("resnet18", ("5-6", "0"), 47),
        static("vgg19"),
        static("convnext_tiny", ("8-9", "0"), 478),
        static("convnext_large"),
        static("mobilenet_v3", ("5-6", "0"), 345),
        static("efficientnet_b0"),
        static("vit_b_16", ("8-9", "0"), 45),
        static("swin_t", ("8-9", "0"), 1016),
        static("unet"),
        static("resnet18_fp16"),
        static("lstm"),
        static("graph"),
        static("image_app", ("5-6", "0"), 58),
        static("image_app_held"),
        static("gpt", ("4-9", "0"), 4241, limit=20 * 150, frames=8, frame_bytes=128),
        static("gpt_static", ("4-9", "0"), 1349, frames=8, frame_bytes=128),
        static("gpt_fp16", ("4-9", "0"), 9371, frames=8, frame_bytes=128),
        # The last synchronise of the first step is the first that travels, and counts for the second; its optimiser, with momentum, has
        # a new kernel in the second one.
        static("adapt_vit_b", ("11", "1"), 2784, limit=1500, second=11, literal_until=2),
        static("adapt_vit_b_momentum", None, 2784, limit=1500, second=12, literal_until=2),
        Program("ssdlite", 16, "real", 1000000, settles=False, second=25, predicted=99.6, jumps=5, changed=8331,
                baseline=(("17", "2"), ("99.6", "5", "2.2", 8331))),
        Program("fasterrcnn", 12, "real", 1000000, settles=False, second=38, predicted=97.4, jumps=12, changed=2595,
                baseline=(("38", "17"), ("97.4", "12", "2.2", 2595))),
        # Three rounds, then at least 99 % and at most one jump where a branch is taken.
        branching("alternating", 24, 9, 0.5, changed=83, baseline=(("-", "-"), ("99.5", "0.5", "0", 83))),
        branching("in_turn", 24, 7, 1),
        branching("shapes", 60, 31, 1),
        branching("key_frames", 60, 31, 0.2),
        branching("early_exit", 40, 9, 1, compute="real", frame_bytes=600000),
        branching("two_threads", 24, 9, 1, threads=2),
    )
}
QUICK = ("resnet18", "unet", "image_app", "vit_b_16", "gpt")
BRANCHING = ("alternating", "in_turn", "shapes", "key_frames", "early_exit", "two_threads")


def fingerprint(program):
    """Of everything that decides what a trace holds."""
    sources = [HERE / "zoo.py", *sorted(EXAMPLES.glob("*.py")), *sorted((ROOT / "src/api").glob("*.api"))]
    digest = hashlib.sha256("".join(path.read_text() for path in sources).encode())
    digest.update(f"{program.frames} {program.compute} {python()}".encode())
    return digest.hexdigest()


def run(program, folder, mode, trace=None):
    """Runs the workload; its report."""
    report = Path(folder) / f"{program.name}-{mode}.json"
    line = [RRTO, "run", "--mode", mode, "--compute", program.compute, "--report", report, "--", python(), HERE / "zoo.py", program.name,
            "--frames", program.frames]
    return Run(line, {"RRTO_TRACE": str(trace)} if trace else {}, report).must_succeed().report


def take(program, folder, fresh=False):
    """The program's trace, made if it is not there or out of date."""
    trace, stamp = Path(folder) / f"{program.name}.trace", Path(folder) / f"{program.name}.stamp"
    wanted = fingerprint(program)
    if fresh or not trace.exists() or not stamp.exists() or stamp.read_text() != wanted:
        os.makedirs(folder, exist_ok=True)
        run(program, folder, "replay", trace)
        stamp.write_text(wanted)
    return trace


def search(program, trace, *options):
    """What rrto search says, with the figures of the steady state per frame."""
    frames = ["--frame", program.frame_bytes] if program.frame_bytes else []
    done = Run([RRTO, "search", "--json", "--from", program.steady, *frames, *options, trace]).must_succeed()
    found = json.loads(done.out)
    steady = found["steady"]
    check(steady["inferences"] > 0, f"too few frames\n{done.shown}")
    found["each"] = {key: steady[key] / steady["inferences"] for key in ("ops", "jumps", "literals", "changed_bytes", "records", "op_bytes")}
    found["percent"] = 100 * steady["predicted"] / steady["ops"]
    found["shown"] = done.shown
    return found


def misses(program, found, plain=None):
    """What the program was to reach and did not, in words. plain: what the plainest search makes of the trace."""
    each, missed, most = found["each"], [], program.changed
    if plain and program.baseline and most == program.baseline[1][3]:
        # The bytes are what the application's allocator left, others in each trace: beside the figure of one, that of this one counts.
        most = max(most, plain["each"]["changed_bytes"])
    for key, latest, what in (("no_literal_from", program.literal_until + 1, "literal ops"), ("all_predicted_from", 3, "jumps or literal ops")):
        if program.settles and not 1 <= found[key] <= latest:
            missed.append(f"{what} until frame {found[key] - 1}" if found[key] else f"{what} to the end")
    jumps = found["inferences"][1]["jumps"]
    if program.second is not None and jumps > program.second:
        missed.append(f"{jumps} jumps in the second frame, not {program.second}")
    if found["percent"] < program.predicted:
        missed.append(f"{found['percent']:.2f} % predicted, not {program.predicted:g}")
    if each["jumps"] > program.jumps:
        missed.append(f"{each['jumps']:.2f} jumps, not {program.jumps:g}")
    if most and each["changed_bytes"] > most:
        missed.append(f"{each['changed_bytes']:.1f} changed bytes, not {most:.4g}")
    # Threads that take turns break each other's records; the plainest search does not tell them apart.
    if plain and program.threads == 1 and each["records"] > plain["each"]["records"] + 0.5:
        missed.append(f"{each['records']:.1f} records, the plainest search {plain['each']['records']:.1f}")
    return missed


def crossed(trace):
    """How many synchronises were round trips after another thread had issued something since the last round trip of their own thread."""
    lines = Run([RRTO, "dump", trace]).must_succeed().out.splitlines()
    ops, last, count = [op for op in map(LINE.match, lines) if op], {}, 0
    for at, op in enumerate(ops):
        if op["waited"]:
            others = any(before["lane"] != op["lane"] for before in ops[last.get(op["lane"], 0) : at])
            count += op["op"] == "stream_synchronize" and others
            last[op["lane"]] = at
    return count


def round_trips(program, folder):
    """How often application threads were blocked in a whole run in replay, beside async: what to print, and what was missed, in words.

    With several threads it depends on timing whether a synchronise covers what another one has just issued, and has to be a round trip. Those
    are left aside, in both modes; all others are the same from run to run.
    """
    counts, said = {}, []
    for mode in ("replay", "async"):
        trace = Path(folder) / f"{program.name}-{mode}.trace"
        report = run(program, folder, mode, trace)
        aside = crossed(trace) if program.threads > 1 else 0
        counts[mode] = report["round_trips"] - aside
        said.append(f"{mode} {counts[mode]}" + (f" and {aside} for what other threads issued" if aside else "") +
                    f" (median of the last inferences: {report['round_trips_per_inference_last']})")
    more = counts["replay"] > counts["async"]
    return ", ".join(said), [f"{counts['replay']} round trips in replay, {counts['async']} in async"] if more else []


def prediction():
    """The quick static programs of bench/search: few jumps and no literal op in the second inference, all predicted from the third on."""
    with Folder() as folder:
        for name in QUICK:
            program = PROGRAMS[name]
            found = search(program, take(program, folder))
            said = f"{name}: no literal op from {found['no_literal_from']} on, all predicted from {found['all_predicted_from']} on"
            program = dataclasses.replace(program, changed=None)
            check(not misses(program, found), f"{said}: {misses(program, found)}\n{found['shown']}")
            check(found["steady"]["inferences"] >= 4 and found["steady"]["ops"] > 100, f"{name}: hardly anything was traced\n{found['shown']}")
            check(found["as_traced"] == found["ops"], f"{name}: the client chose otherwise for {found['ops'] - found['as_traced']} ops\n{found['shown']}")
            print(f"{said}; then {found['each']['changed_bytes']:.0f} changed bytes, {found['each']['op_bytes']:.0f} op bytes each", flush=True)


def branching_programs():
    """Programs that branch: nearly all predicted after three rounds, and a whole run has no more round trips in replay than in async."""
    with Folder() as folder:
        for name in BRANCHING:
            program = PROGRAMS[name]
            said, missed = round_trips(program, folder)
            found = search(program, Path(folder) / f"{name}-replay.trace")
            missed += misses(dataclasses.replace(program, changed=None), found)
            said = f"{name}: {found['percent']:.2f} % predicted, {found['each']['jumps']:.2f} jumps; round trips: {said}"
            check(not missed, f"{said}: {missed}\n{found['shown']}")
            print(said, flush=True)


def two_outputs():
    """image_app, 16 and 8 frames in replay: one round trip more per frame, although it reads two outputs."""
    with Folder() as folder:
        counts = {n: run(dataclasses.replace(PROGRAMS["image_app"], frames=n), folder, "replay")["round_trips"] for n in (8, 16)}
    steepness = (counts[16] - counts[8]) / 8
    print(f"image_app: {counts[8]} round trips at 8 frames, {counts[16]} at 16: {steepness} per frame")
    check(steepness == 1, f"{steepness} round trips per frame, not 1")


SCENARIOS = {"prediction": prediction, "branching": branching_programs, "two-outputs": two_outputs}
