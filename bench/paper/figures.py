# SPDX-License-Identifier: Apache-2.0
"""Figures of a mode out of the JSON of rrto bench (docs/bench.md has its keys). What is not known is None."""

import statistics

RAW = ", raw"  # replay without the payload codec: the bytes that split sends
FEWEST = 6  # samples for a median with an interval, as rrto bench has it


class Mode:
    """A row: one mode of one cell. All latencies of a closed loop are by the application's clock, which every mode has."""

    def __init__(self, figures, told, name):
        self.figures, self.told, self.name = figures, told, name
        self.open = figures["rate_fps"] is not None
        self.samples = [sample for one in told["rounds"] for sample in one["latency_ms" if self.open else "application_ms"]]
        self.n = len(self.samples)
        self.few = self.n < FEWEST

    def percentile(self, name):
        """(value, low, high), or None."""
        found = (self.told["latency_ms" if self.open else "application_ms"] or {}).get(name)
        return found and (found["value"], found["low"], found["high"])

    @property
    def p50(self):
        """ms; of few samples their median, which the tables mark."""
        found = self.percentile("p50")
        if found:
            return found[0]
        return statistics.median(self.samples) if self.samples else None

    @property
    def joules(self):
        """Of the client for an inference, modelled, on average; None where its states are not known."""
        energy = self.told["energy"]["client_modelled"]
        return energy and energy["mean"]["value"]

    def phase(self, name):
        return self.told["mean_phases_ms"][name]

    def per_inference(self, name):
        return self.told["per_inference"][name]


class Results:
    """What was kept, by model, link and mode."""

    def __init__(self):
        self.modes, self.open_loop, self.cells = {}, {}, []

    def add(self, cell, figures):
        self.cells.append((cell, figures))
        where = self.open_loop if cell.part.open_loop else self.modes
        for told in figures["modes"]:
            name = told["mode"] + (RAW if told["mode"] == "replay" and not cell.part.coded else "")
            where[cell.model.name, cell.link.name if cell.link else None, name] = Mode(figures, told, name)

    def mode(self, model, link, name):
        return self.modes.get((model.name, link.name if link else None, name))


def reduction(of, to):
    """By how many percent `of` is below `to`."""
    return None if of is None or not to else 100 * (1 - of / to)


def bound_ms(results, model, link):
    """max(split, dispatch + one way), and the second of them; None where something is missing."""
    split, replay = (results.mode(model, link, name) for name in ("split", "replay" + RAW))
    if not split or not replay:
        return None, None
    dispatch = replay.phase("dispatch") + link.one_way_ms
    return max(split.p50, dispatch), dispatch


def bound_ratio(results, model, link):
    bound, _ = bound_ms(results, model, link)
    return results.mode(model, link, "replay" + RAW).p50 / bound if bound else None
