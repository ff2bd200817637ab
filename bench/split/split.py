# SPDX-License-Identifier: Apache-2.0
"""The hand-written offload that rrto is compared with: the server owns the model, one TCP connection, input tensor out, output tensor back.

    split.py WORKLOAD serve --listen HOST:PORT [--compute real|skip|MS]
    split.py WORKLOAD run --connect HOST:PORT --frames N [--times FILE] [--period MS]

rrto bench --split 'python bench/split/split.py WORKLOAD' runs both sides. README.md has the protocol and the contract.
"""

import argparse
import json
import socket
import struct
import sys
import time
from pathlib import Path

START = time.perf_counter()
REQUEST = struct.Struct("<Q")  # bytes that follow
ANSWER = struct.Struct("<QQQ")  # bytes that follow; ns in which the input arrived; ns of computing
MOST_BYTES = 1 << 30


class Bytes:
    """bytes:IN:OUT: so many bytes in, so many out, and nothing to compute: what any model costs on the link."""

    def __init__(self, n_in="602112", n_out="4000"):
        self.n_in, self.out = int(n_in), bytes(int(n_out))

    def load(self, device):
        pass

    def input(self, index):
        return index.to_bytes(8, "little") * (self.n_in // 8) + bytes(self.n_in % 8)

    def compute(self, data):
        return self.out

    def output(self, data):
        return data


class Example:
    """A program of examples/ that has frame(photo, index), a model, and one function from a frame to its output."""

    def __init__(self, module, function, takes_photo=False):
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "examples"))
        import numpy
        import torch

        self.numpy, self.torch = numpy, torch
        self.module = __import__(module)
        self.function = getattr(self.module, function)
        self.photo = self.module.load_photo()
        self.takes_photo = takes_photo
        self.shape = self.module.frame(self.photo, 0).shape

    def load(self, device):
        self.device = device
        self.model = (self.module.build_model(self.photo) if self.takes_photo else self.module.build_model()).to(device)

    def input(self, index):
        return self.module.frame(self.photo, index)

    def compute(self, data):
        frame = self.torch.frombuffer(data, dtype=self.torch.float32).reshape(self.shape)
        return self.function(self.model, frame, self.device).numpy().tobytes()

    def output(self, data):
        return self.torch.frombuffer(data, dtype=self.torch.float32)


def make_workload(name):
    name, *arguments = name.split(":")
    makers = {"classify": lambda: Example("classify", "classify"), "detect": lambda: Example("detect", "detect", takes_photo=True),
              "bytes": lambda: Bytes(*arguments)}
    if name not in makers:
        sys.exit(f"split: there is no workload '{name}'; there are {', '.join(makers)}")
    return makers[name]()


def receive(connection, view):
    """Fills the view; when its first bytes came, or None at the end of the stream."""
    first = None
    while len(view):
        n = connection.recv_into(view)
        if n == 0:
            return None
        first = first or time.perf_counter_ns()
        view = view[n:]
    return first


def prepare(workload, compute):
    """A function from input bytes to output bytes. Where the time of computing is stated, what is sent is the output of frame 0, computed once, on
    the CPU: its size is what matters."""
    if compute == "real":
        device = "cuda" if not isinstance(workload, Bytes) else None
        workload.load(device)
        return workload.compute
    seconds = 0.0 if compute == "skip" else float(compute) / 1e3
    workload.load("cpu")
    first = workload.input(0)
    data = bytearray(first if isinstance(first, bytes) else first.contiguous().numpy().tobytes())
    output = workload.compute(data)

    def wait(_):
        if seconds:
            time.sleep(seconds)
        return output

    return wait


def serve_one(connection, compute):
    head, buffer = bytearray(REQUEST.size), bytearray()
    while True:
        first = receive(connection, memoryview(head))
        if first is None:
            return
        (n,) = REQUEST.unpack(head)
        if n > MOST_BYTES:
            return
        if len(buffer) != n:
            buffer = bytearray(n)
        if receive(connection, memoryview(buffer)) is None and n:
            return
        arrived = time.perf_counter_ns()
        output = compute(buffer)
        done = time.perf_counter_ns()
        connection.sendall(ANSWER.pack(len(output), arrived - first, done - arrived) + output)


def parse_address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def serve(workload, options):
    compute = prepare(workload, options.compute)
    with socket.create_server(parse_address(options.listen)) as listener:
        print(f"listening on {listener.getsockname()[0]}:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    serve_one(connection, compute)
                except ConnectionError:
                    pass


def one_frame(connection, workload, frame):
    """One inference: its output, and where its time went in ms. The parts are made as docs/report.md has them: no two clocks are compared."""
    begin = time.perf_counter_ns()
    data = frame if isinstance(frame, bytes) else memoryview(frame.contiguous().numpy()).cast("B")
    sending = time.perf_counter_ns()
    connection.sendall(REQUEST.pack(len(data)))
    connection.sendall(data)
    sent = time.perf_counter_ns()
    head = bytearray(ANSWER.size)
    came = receive(connection, memoryview(head))
    if came is None:
        sys.exit("split: the server closed the connection")
    n, arriving, computing = ANSWER.unpack(head)
    answer = bytearray(n)
    receive(connection, memoryview(answer))
    output = workload.output(answer)
    end = time.perf_counter_ns()
    total, dispatch = end - begin, sending - begin
    upload = min(max(sent, sending + arriving), came) - sending
    compute = min(computing, came - sending - upload)
    phases = {"dispatch": dispatch, "upload": upload, "queue": 0, "compute": compute, "download": end - came,
              "link": total - dispatch - upload - compute - (end - came)}
    return output, total / 1e6, {name: value / 1e6 for name, value in phases.items()}


class Loop:
    """An open loop as rrto has it (src/replay/pace.h): a frame is wanted each period; the first one is not paced, the second sets the clock; who is
    late by a whole period takes the newest one that is due."""

    def __init__(self, period_ms):
        self.period, self.planned = int(period_ms * 1e6), None

    def wait(self):
        """Returns when the next frame was wanted, and how many were dropped before it."""
        now = time.perf_counter_ns()
        due = now if self.planned is None else self.planned + self.period
        dropped = max(0, now - due) // self.period
        self.planned = due + dropped * self.period
        while (left := self.planned - time.perf_counter_ns()) > 0:
            time.sleep(left / 1e9)
        return self.planned, dropped


def run(workload, options):
    connection = socket.create_connection(parse_address(options.connect), timeout=600)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    load_ms = (time.perf_counter() - START) * 1e3
    begins, times, phases, latencies, drops, loop = [], [], [], [], [], Loop(options.period) if options.period else None
    for index in range(options.frames):
        frame = workload.input(index)
        planned, dropped = loop.wait() if loop and index else (time.perf_counter_ns(), 0)
        begins.append(time.perf_counter())
        _, total, parts = one_frame(connection, workload, frame)
        latencies.append((time.perf_counter_ns() - planned) / 1e6)
        drops.append(dropped)
        times.append(total)
        phases.append(parts)
    if options.times:
        told = {"import_load_ms": load_ms, "first_ms": times[0], "steady_ms": times[1:], "steady_begin_s": begins[1:],
                "phases_ms": {name: [one[name] for one in phases[1:]] for name in phases[0]}}
        if loop:
            told |= {"latency_ms": latencies[1:], "dropped": drops[1:]}
        with open(options.times, "w") as file:
            json.dump(told, file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", help="classify, detect, or bytes[:IN:OUT]")
    sides = parser.add_subparsers(dest="side", required=True)
    side = sides.add_parser("serve", help="own the model, answer one connection after the other")
    side.add_argument("--listen", default="127.0.0.1:0")
    side.add_argument("--compute", default="real", help="real, skip, or so many ms")
    side = sides.add_parser("run", help="send frames, take outputs")
    side.add_argument("--connect", required=True)
    side.add_argument("--frames", type=int, default=10)
    side.add_argument("--period", type=float, help="open loop: a frame every so many ms")
    side.add_argument("--times", help="write the times in ms to this JSON file")
    options = parser.parse_args()
    workload = make_workload(options.workload)
    (serve if options.side == "serve" else run)(workload, options)


if __name__ == "__main__":
    main()
