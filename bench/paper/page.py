# SPDX-License-Identifier: Apache-2.0
"""docs/results.md, from what was kept."""

import shlex

import plan
from figures import RAW, bound_ms, bound_ratio, reduction

MODES = ("percall", "percall-device", "async", "replay", "replay" + RAW, "split")
MOST_RATIO, LEAST_REDUCTION = 1.05, 98  # the bars: times the bound, percent
BARRED = ("convnext_large", "resnet152", "densenet121")  # op-rich models, at BAR_LINK
BAR_LINK = "rtt10"
PHASES = ("dispatch", "upload", "link", "queue", "compute", "download")

# What the RRTO group published of their non-transparent full offload, on a Jetson Xavier NX over their own Wi-Fi: ms and J, offloaded and local.
PUBLISHED = [("VGG19", "vgg19_bn", 88.5, 0.44, 87.0, 1.22), ("ConvNeXt-L", "convnext_large", 95.9, 0.47, 197.7, 2.96),
             ("KAPAO", "keypointrcnn", 254.6, 1.22, 396.6, 5.98)]


def number(value, digits=1):
    if value is None:
        return "not measured"
    return f"{value:,.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"


def joules(value):
    return "–" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def percent(value):
    return "–" if value is None else f"{value:.2f} %" if value >= 90 else f"{value:.1f} %"


def latency(mode):
    """The median in ms; * for few samples."""
    return "not measured" if mode is None else number(mode.p50) + ("*" if mode.few else "")


def interval(mode, name):
    found = mode.percentile(name)
    return f"{number(found[0])} ({number(found[1])} to {number(found[2])})" if found else "–"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows] + [""]


def stated(model):
    return f"server computing replaced by a stated {model.gpu_ms} ms"


def overview(results):
    lines = ["## Replay beside what it replaces", "",
             "Medians, in ms by the application's clock. *replay* is what rrto does by itself: inputs travel coded where that pays (docs/codec.md), so it may be below "
             "split, which sends them as they are; *replay, raw* sends the same bytes as split (`RRTO_DISABLE=codec`), and all that follows is of it: how "
             "far it is below the other mode, in latency, then in the client's modelled energy; *bound*: the ratio to max(split, dispatch + one way). "
             "A star: fewer than 6 inferences, their median without an interval.", ""]
    for model in plan.MODELS:
        lines += [f"**{model.name}**, stands for {model.stands_for} ({stated(model)})", ""]
        rows = []
        for link in plan.LINKS:
            mode = {name: results.mode(model, link, name) for name in MODES}
            replay, row = mode["replay" + RAW], [link.title] + [latency(mode[name]) for name in MODES]
            for other in ("percall", "percall-device"):
                both = replay and mode[other]
                row.append(percent(reduction(replay.p50, mode[other].p50)) if both else "–")
                row.append(percent(reduction(replay.joules, mode[other].joules)) if both else "–")
            ratio = bound_ratio(results, model, link)
            rows.append(row + ["–" if ratio is None else f"{ratio:.3f}"])
        lines += table(["link", *MODES, "latency below percall", "energy below percall", "latency below percall-device",
                        "energy below percall-device", "bound"], rows)
    return lines


def explained(results):
    """Where replay is more than MOST_RATIO times its bound: the phases of both."""
    rows = []
    for model in plan.MODELS:
        for link in plan.LINKS:
            ratio = bound_ratio(results, model, link)
            if ratio is None or ratio <= MOST_RATIO:
                continue
            _, dispatch = bound_ms(results, model, link)
            for name in ("replay" + RAW, "split"):
                mode, ours = results.mode(model, link, name), name != "split"
                rows.append([f"{model.name} ({stated(model)}), {link.title}: {ratio:.3f}" if ours else "", name, number(mode.p50),
                             number(dispatch) if ours else "", *(number(mode.phase(phase)) for phase in PHASES),
                             number(mode.per_inference("round_trips"), 0) if ours else "1"])
    lines = [f"## Where replay is above {MOST_RATIO} times its bound", ""]
    if not rows:
        return lines + ["Nowhere among what was measured.", ""]
    return lines + ["Means of the phases in ms (docs/report.md says what they are); a data dependency costs a round trip of its own. Where the server was at "
                    "work before the last bytes can have come, link is given the shortest round trip that the session has seen; here that is one of the free link "
                    "while it loaded, so the link's delay may stand under compute.", ""] + \
        table(["where, ratio", "mode", "p50", "dispatch + one way", *PHASES, "round trips"], rows)


def dependencies(frames):
    lines = ["## Data dependencies of keypointrcnn", ""]
    if not frames:
        return lines + ["Not measured.", ""]
    n = len(frames)
    waits = sum(frame["data dependencies"] for frame in frames) / n
    return lines + [
        f"How many persons and regions there are comes from the device before the program can go on: counted in the trace of {n} frames that were really "
        "computed, whose answers the measurements hand out again and again. `--compute` takes its time for each wait for a result, so each takes "
        f"21 / {waits:g} ms.", ""] + table(
        ["frame", "data dependencies", "synchronises that cover work", "first uses of a kernel"],
        [[i + 1] + [frame.get(key, 0) for key in ("data dependencies", "synchronises", "first uses")] for i, frame in enumerate(frames)])


def published(results):
    lines = ["## What the RRTO group published of their own non-transparent offload", "",
             "Their board, link and server (KAPAO itself, not keypointrcnn): not measured here. Beside it replay and split of this page indoors, whose "
             "client is not their board, and whose energy is modelled.", ""]
    rows, link = [], next(link for link in plan.LINKS if link.name == "indoors")
    models = {model.name: model for model in plan.MODELS}
    for title, name, off_ms, off_j, local_ms, local_j in PUBLISHED:
        row = [f"{title} / {name} ({stated(models[name])})", f"{off_ms} ms, {off_j:.2f} J", f"{local_ms} ms, {local_j:.2f} J"]
        for other in ("replay", "replay" + RAW, "split"):
            mode = results.mode(models[name], link, other)
            row.append(f"{latency(mode)} ms, {joules(mode.joules)} J" if mode else "not measured")
        rows.append(row)
    return lines + table(["", "theirs, offloaded", "theirs, computed locally", "replay here, indoors", "replay, raw here", "split here"], rows)


def open_loop(results):
    lines = [f"## Open loop: {plan.FPS} frames per second over the outdoors trace", "",
             "A frame is wanted each 33.3 ms and its latency counts from then. *Late*: its output came when the next one was due. *Dropped*: never begun, "
             "because a newer one was due. 602 kB a frame at this rate are 144 Mbit/s, twice what the trace carries on average.", ""]
    rows = []
    for model in plan.MODELS:
        for name in ("replay", "replay" + RAW, "split"):
            mode = results.open_loop.get((model.name, plan.OPEN_LOOP_LINK, name))
            if not mode:
                rows.append([f"{model.name} ({stated(model)})", name] + ["not measured"] * 5)
                continue
            wanted = mode.n + mode.told["dropped"]
            rows.append([f"{model.name} ({stated(model)})", name, mode.n, f"{mode.told['late']} ({100 * mode.told['late'] / mode.n:.0f} %)",
                         f"{mode.told['dropped']} of {wanted} ({100 * mode.told['dropped'] / wanted:.0f} %)", interval(mode, "p50"), interval(mode, "p90")])
    return lines + table(["model", "mode", "frames", "late", "dropped", "p50 ms", "p90 ms"], rows)


def detail(results):
    lines = ["## All figures", "", "Latencies in ms with 95 % intervals where there are samples enough; J: the client's, modelled, for an inference. "
             "cpu: this machine's CPU, no link; its joules are this machine's seconds at the board's watts, not what the board would take.", ""]
    for model in plan.MODELS:
        rows = []
        cpu = results.mode(model, None, "cpu")
        rows.append(["none", "cpu", cpu.n, interval(cpu, "p50"), interval(cpu, "p90"), joules(cpu.joules)] + ["–"] * 3 if cpu else
                    ["none", "cpu"] + ["not measured"] * 7)
        for link in plan.LINKS:
            for name in MODES:
                mode = results.mode(model, link, name)
                if not mode:
                    rows.append([link.title, name] + ["not measured"] * 7)
                    continue
                p50 = f"{number(mode.p50)}*" if mode.few else interval(mode, "p50")
                counts = ["1", "–", "–"] if name == "split" else [number(mode.per_inference("round_trips"), 0)] + \
                    [number(mode.per_inference(key) / 1e6, 3) for key in ("bytes_up", "bytes_down")]
                rows.append([link.title, name, mode.n, p50, interval(mode, "p90"), joules(mode.joules)] + counts)
        lines += [f"### {model.name}", "", f"{stated(model).capitalize()}, except for cpu.", ""]
        lines += table(["link", "mode", "n", "p50", "p90", "J", "round trips", "MB up", "MB down"], rows)
    return lines


def bars(results):
    """What was wanted, and whether it was reached."""
    lines, link = ["## What was wanted", ""], next(link for link in plan.LINKS if link.name == BAR_LINK)
    for model in (model for model in plan.MODELS if model.name in BARRED):
        replay, percall = (results.mode(model, link, name) for name in ("replay" + RAW, "percall"))
        if not replay or not percall:
            lines.append(f"- {model.name}, {link.title}: at least {LEAST_REDUCTION} % below percall: not measured.")
            continue
        for what, value in (("latency", reduction(replay.p50, percall.p50)), ("energy", reduction(replay.joules, percall.joules))):
            met = "not measured" if value is None else "reached" if value >= LEAST_REDUCTION else "**missed**"
            lines.append(f"- {model.name}, {link.title} ({stated(model)}), {what} at least {LEAST_REDUCTION} % below percall: {percent(value)}, {met}.")
    ratios = [(bound_ratio(results, model, link), model, link) for model in plan.MODELS if model.static for link in plan.LINKS]
    known = [one for one in ratios if one[0] is not None]
    above = [f"{model.name} {link.title} ({ratio:.3f})" for ratio, model, link in known if ratio > MOST_RATIO]
    lines.append(f"- Replay with raw inputs at most {MOST_RATIO} times its bound, static models on all links: {len(known) - len(above)} of {len(known)} measured" +
                 (f" of {len(ratios)} wanted" if len(known) < len(ratios) else "") + ("; above: " + ", ".join(above) + "." if above else "."))
    return lines + [""]


def head(results, about, n_planned):
    commits = sorted({figures["paper"]["commit"] for _, figures in results.cells})
    dates = sorted(figures["date"] for _, figures in results.cells)
    minutes = sum(figures["paper"]["wall_s"] for _, figures in results.cells) / 60
    return [
        "# Results", "", "Six networks that robots offload, in every mode, over six emulated links: the evaluation of the RRTO abstract with other means. "
        "Written by `make bench-paper` (bench/paper); not edited.", "",
        f"- Measured {dates[0]} to {dates[-1]}, commit {', '.join(commits)}, {minutes:.0f} minutes of running." if dates else "- Nothing measured yet.",
        f"- Command: `{about['command']}`. Measured: {len(results.cells)} of {n_planned} cells.", f"- Machine: {about['machine']}; client, link and server are all on it.",
        "- **The server computes nothing.** It takes a stated time instead, the GPU time of the model that ours stands for in the RRTO group's logs: " +
        ", ".join(f"{model.name} {model.gpu_ms} ms" for model in plan.MODELS) + ". For split likewise. What is measured is the link, the client and the system. Outputs are not computed, so they travel as they are, never coded; an input is real and may travel coded.",
        "- The client is this machine, not a board: its dispatch is faster than a robot's. percall and percall-device are rrto's own modes that do what earlier "
        "transparent systems do (docs/replay.md): a round trip for nearly every call, or for each call that reaches the device.",
        "- **Loading is not shaped.** Import, weights and the first inference pass the link at once; delay, rate and trace begin when the program says that its "
        "first frame is done (`after=` of docs/link.md). 800 MB of weights would take 80 s at 80 Mbit/s, in each mode.",
        f"- percall at 4 ms and more, which waits for the link nearly all of the time, was measured up to {plan.AT_ONCE} networks and links at once, all else one after the other.",
        "- Each run of each mode sees a trace from its beginning; slower modes see more of it, and so do modes with more frames (n).",
        "- A cell is one run (of raw and split at RTT 10 ms, two): its intervals hold what varies within a run, not from run to run.",
        f"- **Energy is modelled**: seconds in each state by the profile {plan.PROFILE} (docs/energy.md); the division of the published watts among the states is assumed.",
        "- Weights are seeded, not trained; inputs differ from frame to frame.", ""]


def write(results, about, frames, n_planned):
    """The page's text. about: command, machine. frames: of keypointrcnn's dependencies."""
    parts = [head(results, about, n_planned), bars(results), overview(results), explained(results), dependencies(frames), published(results),
             open_loop(results), detail(results)]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"
