# SPDX-License-Identifier: Apache-2.0
"""What is measured: models, links, parts, and how long each cell should take."""

import dataclasses

PROFILE = "jetson-xavier-nx"
FPS = 30
AT_ONCE = 4  # cells that wait for the link nearly all of the time


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    stands_for: str  # of the RRTO group's evaluation
    gpu_ms: float  # an inference on their server's GPU, by their logs: the stated time of computing
    # What an inference costs, for estimates of time alone: round trips in percall and percall-device mode, those that replay cannot do without,
    # bytes up and down in MB, and what a run takes until its first frame is done, in s
    calls: int
    ops: int
    waits: int
    up_mb: float
    down_mb: float
    start_s: float
    static: bool = True  # no op depends on a result


MODELS = [
    Model("vgg19_bn", "VGG19_BN", 5, 1530, 79, 1, 0.6, 0, 10),
    Model("resnet152", "ResNet152", 20, 11530, 518, 1, 0.6, 0, 11),
    Model("densenet121", "DenseNet121", 17, 9510, 434, 1, 0.6, 0, 8),
    Model("convnext_large", "ConvNeXt-Large", 9, 6070, 350, 1, 0.6, 0, 16),
    Model("keypointrcnn", "KAPAO", 21, 15500, 1000, 55, 2.1, 0, 11, static=False),
    Model("occupancy", "AGRNav", 56, 930, 43, 1, 2.1, 2.1, 6),
]


@dataclasses.dataclass(frozen=True)
class Link:
    name: str
    title: str
    spec: str  # as rrto link takes it
    one_way_ms: float  # at least
    rate_mbit: float  # mean
    percall_frames: int  # percall at 30 ms takes minutes for a frame
    jitter_ms: float = 0
    trace: bool = False


LINKS = [
    Link("rtt1", "80 Mbit/s, RTT 1 ms", "delay=0.5,rate=80", 0.5, 80, 3),
    Link("rtt4", "80 Mbit/s, RTT 4 ms", "delay=2,rate=80", 2, 80, 2),
    Link("rtt10", "80 Mbit/s, RTT 10 ms", "delay=5,rate=80", 5, 80, 3),
    Link("rtt30", "80 Mbit/s, RTT 30 ms", "delay=15,rate=80", 15, 80, 1),
    Link("indoors", "Wi-Fi indoors", "wifi-indoors", 2, 79, 1, jitter_ms=2, trace=True),
    Link("outdoors", "Wi-Fi outdoors", "wifi-outdoors", 3, 72, 1, jitter_ms=5, trace=True),
]


@dataclasses.dataclass(frozen=True)
class Part:
    """The modes of a cell that are measured together, in turns."""

    name: str
    modes: tuple
    linked: bool = True
    open_loop: bool = False
    coded: bool = True  # the payload codec is on, as it is by default

    def options(self, model, link):
        """Frames of all rounds together, rounds, warm-up after a run's first frame."""
        if self.name == "percall":
            return (link.percall_frames if model.static else 1), 1, 0
        if self.name == "percall-device":
            return (6 if model.static else 4), 1, 0
        if self.open_loop:
            return (150 if model.up_mb < 1 else 60), 1, 3
        if link and link.trace and self.name in ("raw", "replay"):
            return 80, 1, 3
        return 40, (2 if self.name == "raw" and link.name == "rtt10" else 1), 3


PARTS = [
    Part("cpu", ("cpu",), linked=False),
    Part("raw", ("replay", "split"), coded=False),
    Part("replay", ("replay",)),
    Part("async", ("async",)),
    Part("percall-device", ("percall-device",)),
    Part("percall", ("percall",)),
    Part("open-raw", ("replay", "split"), open_loop=True, coded=False),
    Part("open", ("replay",), open_loop=True),
]
OPEN_LOOP_LINK = "outdoors"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of rrto bench. link: None without one."""

    model: Model
    link: Link
    part: Part
    quick: bool = False

    @property
    def name(self):
        return f"{self.model.name}.{self.link.name if self.link else 'none'}.{self.part.name}"

    @property
    def waits_for_link(self):
        """One round trip after the other: of 10 ms each, some 0.2 are computing. Such cells leave each other alone. A minute and more, so that
        another one's start is a small part of it."""
        return self.part.name == "percall" and self.link.one_way_ms >= 2

    @property
    def sizes(self):
        """Frames, rounds, warm-up."""
        if not self.quick:
            return self.part.options(self.model, self.link)
        return (2, 1, 0) if self.part.name == "percall" else (8, 1, 2)

    def seconds(self):
        """How long it should take."""
        frames, rounds, warmup = self.sizes
        n = frames + rounds * warmup
        return 1.5 + sum(rounds * (self.model.start_s + 4 * (mode == "split")) + n * self.frame_seconds(mode) for mode in self.part.modes)

    def frame_seconds(self, mode):
        model = self.model
        if mode == "cpu":
            return 1
        trips = {"percall": model.calls, "percall-device": model.ops}.get(mode, 1 if mode == "split" else model.waits)
        trip_ms = 2 * self.link.one_way_ms + self.link.jitter_ms / 2 + 0.2
        bits = 8 * (model.up_mb + model.down_mb)
        seconds = trips * trip_ms / 1e3 + bits / self.link.rate_mbit + model.gpu_ms / 1e3 + 0.02
        return max(seconds, 1 / FPS) if self.part.open_loop else seconds


def cells(quick=False):
    """All of them, in the order in which they are measured: what is short first."""
    made = []
    for part in PARTS:
        for link in LINKS if part.linked else [None]:
            if part.open_loop and link.name != OPEN_LOOP_LINK:
                continue
            made += [Cell(model, link, part, quick) for model in MODELS]
    return made
