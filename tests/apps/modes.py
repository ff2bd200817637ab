# SPDX-License-Identifier: Apache-2.0
"""The same program in every mode gives the same bytes, nearly the CPU's results, and costs what it should."""

import functools

from harness import RRTO, Failure, Folder, Run, check, compare, example, must_equal, python, rrto_run

# label, RRTO_MODE, further environment
VARIANTS = [
    ("percall", "percall", {}),
    ("percall-device", "percall-device", {}),
    ("async", "async", {}),
    ("replay", "replay", {}),
    ("replay with forced deviations", "replay", {"RRTO_DEVIATE": "7"}),
    ("replay with tiny frames", "replay", {"RRTO_FRAME_BYTES": "4096"}),
    ("replay with payloads coded by any model", "replay", {"RRTO_CODEC_STRESS": "7"}),
]
# How the CPU's results compare: options of compare.py.
AGAINST_CPU = {
    "classify": ["--tolerance", "1e-4"],
    "faces": ["--tolerance", "1e-4"],
    "generate": ["--tolerance", "1e-3", "--exact", "tokens"],
    "adapt": ["--tolerance", "1e-4"],
    "detect": ["--tolerance", "1e-4"],
}
# Arguments that make a run comparable with the CPU's: dropout draws from each device's own generator.
COMPARABLE = {"adapt": ["--dropout", "0"]}
FRAMES = {"classify": 6, "faces": 6, "generate": 4, "adapt": 4, "detect": 4}
# The flipped-bit control: the soft GPU flips one bit of the output of each kernel whose name contains this, once per launch.
FLIP = {"SOFT_GPU_FLIP": "softmax"}


def every_mode(name):
    """{name}.py: plain, percall, percall-device, async, replay, forced deviations and tiny frames give the same bytes; CPU nearly."""
    frames = FRAMES[name]
    with Folder() as folder:
        plain = example(name, "plain", frames, folder)
        if name == "generate":
            margin = float(plain.out.split("smallest top-2 margin:")[1])
            check(margin > 1e-3, f"the smallest top-2 margin is {margin}: tokens might depend on rounding")
        same, arguments = plain, COMPARABLE.get(name, [])
        if arguments:
            same = example(name, "plain", frames, folder, "comparable", arguments=arguments)
        cpu = example(name, "plain", frames, folder, "cpu", device="cpu", arguments=arguments)
        must_equal(same, cpu, " ".join([f"{name}, plain against the CPU", *arguments]), *AGAINST_CPU[name])
        for label, mode, environment in VARIANTS:
            # percall makes an exchange for every call: three frames say enough
            few = min(frames, 3) if mode.startswith("percall") else frames
            reference = plain if few == frames else example(name, "plain", few, folder, "plain-few")
            must_equal(example(name, mode, few, folder, label, environment), reference, f"{name}, {label}")


def flipped_bit():
    """One flipped bit in a kernel's output makes the comparison fail."""
    with Folder() as folder:
        good = example("classify", "plain", 2, folder)
        again = example("classify", "plain", 2, folder, "again")
        must_equal(again, good, "twice the same")
        flipped = example("classify", "plain", 2, folder, "flipped", FLIP)
        equal, said = compare(flipped, good)
        check("flipped a bit" in flipped.err, f"no bit was flipped\n{flipped.shown}")
        check(not equal, f"a flipped bit went unnoticed: {said}")
        print(f"with a flipped bit: {said}")


def slope(name="classify", per_frame=1.0):
    """classify, 40 and 20 frames in replay: exactly one round trip more per frame, with no notion of an inference."""
    with Folder() as folder:
        counts = {n: example(name, "replay", n, folder).report["round_trips"] for n in (20, 40)}
    steepness = (counts[40] - counts[20]) / 20
    print(f"{name}: {counts[20]} round trips at 20 frames, {counts[40]} at 40: {steepness} per frame")
    check(steepness == per_frame, f"the slope is {steepness}, not {per_frame}")


def generate_slope():
    """generate, 8 and 4 prompts of 20 tokens in replay: one round trip per token, and one for the logits at the end of a prompt."""
    with Folder() as folder:
        counts = {n: example("generate", "replay", n, folder).report["round_trips"] for n in (4, 8)}
    steepness = (counts[8] - counts[4]) / 4
    print(f"generate: {counts[4]} round trips at 4 prompts, {counts[8]} at 8: {steepness} per prompt of 20 tokens")
    check(steepness == 21, f"{steepness} round trips per prompt of 20 tokens and one array of logits, not 21")


def adapt_slope():
    """adapt, 6 and 4 steps in replay: one round trip per step of forward, backward and optimiser."""
    with Folder() as folder:
        counts = {n: example("adapt", "replay", n, folder).report["round_trips"] for n in (4, 6)}
    print(f"adapt: {counts[4]} round trips at 4 steps, {counts[6]} at 6: {(counts[6] - counts[4]) / 2} per step")
    check(counts[6] - counts[4] == 2, f"{(counts[6] - counts[4]) / 2} round trips per step, not 1")


def acceptance():
    """classify in replay keeps the stated figures: round trips, deviations, start of replay, bytes, frames."""
    for _ in range(3):  # an application that is held up for longer than ops are held back has more frames, and has to
        with Folder() as folder:
            report = example("classify", "replay", 30, folder).report
        if report["frames_up_per_inference_last"] == 1:
            break
    changed, frames = report["arg_bytes_changed_per_inference_last"], report["frames_up_per_inference_last"]
    op_bytes, bar = report["op_bytes_up_per_inference_last"], 64 + 24 * frames + 1.5 * changed
    print(f"inferences {report['inferences']}, first replayed {report['first_replayed_inference']}, deviations {report['deviations']}, "
          f"last: {report['round_trips_per_inference_last']} round trips, {frames} frames, {op_bytes} op bytes "
          f"(bar {bar:g}), {changed} changed bytes")
    wrong = []
    if report["inferences"] != 30:
        wrong.append(f"{report['inferences']} inferences counted, not 30")
    if report["round_trips_per_inference_last"] != 1:
        wrong.append(f"{report['round_trips_per_inference_last']} round trips per inference, not 1")
    if report["deviations"] != 0:
        wrong.append(f"{report['deviations']} deviations")
    if not 1 <= report["first_replayed_inference"] <= 3:  # 0: none
        wrong.append(f"the first replayed inference is {report['first_replayed_inference']}, not 1 to 3")
    if op_bytes > bar:
        wrong.append(f"{op_bytes} op bytes up per inference, over the bar of {bar:g}")
    if frames != 1:
        wrong.append(f"{frames} frames up per inference, not 1")
    check(not wrong, "; ".join(wrong))


def counting_rules():
    """classify: percall pays a round trip for about every call, percall-device for what reaches the device."""
    with Folder() as folder:
        percall = example("classify", "percall", 3, folder).report["round_trips_per_inference_last"]
        device = example("classify", "percall-device", 3, folder).report["round_trips_per_inference_last"]
    print(f"round trips per inference: percall {percall}, percall-device {device}")
    check(1300 <= percall <= 1700, f"percall: {percall} round trips per inference, expected 1300 to 1700")
    check(60 <= device <= 80, f"percall-device: {device} round trips per inference, expected about 70")


def must_print(mode, program, wanted, label):
    run = rrto_run(mode, [python(), "-c", program]).must_succeed()
    check(wanted in run.out, f"{label}, {mode}: printed {run.out!r}, not {wanted!r}\n{run.shown}")


def arange():
    """torch.arange(9).cuda().cpu() and x + y, in plain and replay."""
    for mode in ("plain", "replay"):
        must_print(mode, "import torch; print(torch.arange(9).cuda().cpu().tolist())", "[0, 1, 2, 3, 4, 5, 6, 7, 8]", "arange")
        must_print(mode, "import torch; x = torch.arange(6.).cuda(); y = torch.full((6,), 0.5).cuda(); print((x + y).cpu().tolist())",
                   "[0.5, 1.5, 2.5, 3.5, 4.5, 5.5]", "x + y")
    print("arange and x + y: right in plain and replay")


def classify_sample():
    """classify, 3 frames: plain and replay give the same bytes."""
    with Folder() as folder:
        plain = example("classify", "plain", 3, folder)
        must_equal(example("classify", "replay", 3, folder), plain, "classify, replay")


def data_loader():
    """DataLoader workers by fork and by spawn, beside a parent that uses the device."""
    program = """
import torch
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __len__(self): return 12
    def __getitem__(self, i): return torch.tensor([float(i * i)])

if __name__ == "__main__":
    total = torch.zeros(1, device="cuda")
    for batch in DataLoader(Squares(), batch_size=4, num_workers=2, multiprocessing_context="{method}"):
        total += batch.cuda().sum()
    print("sum", total.item())
"""
    with Folder() as folder:
        for method in ("fork", "spawn"):
            script = f"{folder}/{method}.py"
            with open(script, "w") as file:
                file.write(program.replace("{method}", method))
            run = rrto_run("replay", [python(), script]).must_succeed()
            check("sum 506.0" in run.out, f"{method}: printed {run.out!r}\n{run.shown}")
            print(f"workers by {method}: right")


def no_body():
    """A kernel that the soft GPU has no body for: error 209 at the launch, one log line names it."""
    program = """
import torch
x = torch.arange(64.0).cuda()
try:
    torch.cummax(x, 0)
    torch.cuda.synchronize()
    print("no error")
except RuntimeError as error:
    print("error:", str(error).splitlines()[0])
"""
    run = rrto_run("replay", [python(), "-c", program])
    if "no error" in run.out:
        raise Failure(f"torch.cummax has a body now: choose another kernel for this test\n{run.shown}")
    check("no kernel image is available" in run.out, f"printed {run.out!r}, status {run.status}\n{run.err[-2000:]}\n{run.shown}")
    named = [line for line in run.err.splitlines() if "tensor_kernel_scan" in line]
    check(len(named) == 1 and named[0].startswith("rrto: error") and "209" in named[0], f"{len(named)} log lines name the kernel and its error, not 1:\n{run.err[-2000:]}\n{run.shown}")
    print(named[0])
    skipped = Run([RRTO, "run", "--compute", "skip", "--", python(), "-c", program]).must_succeed()
    check("no error" in skipped.out and "209" not in skipped.err, f"compute skipped, and yet: {skipped.out!r}\n{skipped.err[-2000:]}\n{skipped.shown}")


def described(function, text):
    function.__doc__ = text
    return function


SCENARIOS = {
    "arange": arange,
    "classify-sample": classify_sample,
    **{f"modes-{name}": described(functools.partial(every_mode, name), every_mode.__doc__.format(name=name)) for name in FRAMES},
    "flipped-bit": flipped_bit,
    "slope": slope,
    "generate-slope": generate_slope,
    "adapt-slope": adapt_slope,
    "acceptance": acceptance,
    "counting-rules": counting_rules,
    "data-loader": data_loader,
    "no-body": no_body,
}
