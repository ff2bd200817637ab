# SPDX-License-Identifier: Apache-2.0
"""How closely rrto link, in real time, follows its description: the rate of a saturated link in each half second, and the time of single bytes,
within 2 %. (The arithmetic alone, over 30 s: tests/unit/cli/link_test.c.) `link_accuracy.py SECONDS` takes longer than the 4 s of the medium tier: the long one takes 30.
Other programs that take the processor away show as an error; the median of the windows is compared, and the worst ones are printed."""

import os
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from link_test import Link, receive  # noqa: E402

import socket  # noqa: E402

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 4
WINDOW = 0.5
RATES = [80, 20, 150, 60, 100, 40]  # Mbit/s, one for each window, again and again
LIMIT = 0.02


def connect(link, listener):
    client = link.connect()
    server, _ = listener.accept()
    for end in (client, server):
        end.settimeout(30)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, server


def follow_the_trace(listener, folder):
    """Saturates the link; the bytes of each window against the trace."""
    path = os.path.join(folder, "steps.link")
    with open(path, "w") as file:
        file.write("".join(f"{i * WINDOW} {rate}\n" for i, rate in enumerate(RATES)))
    link = Link("127.0.0.1:%d" % listener.getsockname()[1], "--link", path + ",delay=5")
    began = time.perf_counter()
    client, server = connect(link, listener)
    stop = threading.Event()

    def send():
        block = bytes(65536)
        try:
            while not stop.is_set():
                client.sendall(block)
        except OSError:
            pass

    threading.Thread(target=send, daemon=True).start()
    arrivals = []  # (time since the connection, bytes so far)
    total = 0
    while not arrivals or arrivals[-1][0] < SECONDS + 0.1:
        total += len(server.recv(1 << 18))
        arrivals.append((time.perf_counter() - began, total))
    stop.set()
    totals = link_end(link, client, server)

    def at(t):  # bytes that had arrived by then, between two arrivals in proportion
        for (t0, n0), (t1, n1) in zip(arrivals, arrivals[1:]):
            if t0 <= t <= t1:
                return n0 + (n1 - n0) * (t - t0) / (t1 - t0)
        raise ValueError(t)

    errors = []
    begin = 0.005  # the delay; the trace begins with the connection
    for i in range(1, int(SECONDS / WINDOW)):
        found = at(begin + (i + 1) * WINDOW) - at(begin + i * WINDOW)
        wanted = RATES[i % len(RATES)] * 1e6 / 8 * WINDOW
        errors.append(found / wanted - 1)
    whole = at(begin + len(errors) * WINDOW + WINDOW) - at(begin + WINDOW)
    wanted = sum(RATES[i % len(RATES)] for i in range(1, len(errors) + 1)) * 1e6 / 8 * WINDOW
    print(f"rate: all windows {100 * (whole / wanted - 1):+.2f} %, median {100 * statistics.median(map(abs, errors)):.2f} %, "
          f"worst {100 * max(errors, key=abs):+.2f} % ({len(errors)} windows of {WINDOW} s)")
    print(f"the link used {totals['cpu_seconds']:.2f} s of processor time in {totals['seconds']:.2f} s, for {total / 1e6:.0f} MB: "
          f"{100 * totals['cpu_seconds'] / totals['seconds']:.1f} % of a processor")
    return abs(whole / wanted - 1) <= LIMIT and statistics.median(map(abs, errors)) <= LIMIT


def take_the_delay(listener):
    link = Link("127.0.0.1:%d" % listener.getsockname()[1], "--link", "delay-up=12,delay-down=8,rate=80")
    client, server = connect(link, listener)
    times = []
    for _ in range(int(SECONDS * 25)):
        begin = time.perf_counter()
        client.sendall(b"x")
        server.recv(1)
        server.sendall(b"y")
        client.recv(1)
        times.append((time.perf_counter() - begin) * 1e3)
    totals = link_end(link, client, server)
    times.sort()
    median, p90 = times[len(times) // 2], times[len(times) * 9 // 10]
    print(f"delay: a round trip of 12 + 8 ms takes {times[0]:.3f} (least), {median:.3f} (median), {p90:.3f} ms (90th percentile), n = {len(times)}; "
          f"{100 * totals['cpu_seconds'] / totals['seconds']:.1f} % of a processor")
    return times[0] >= 20 and median <= 20 * (1 + LIMIT)


def link_end(link, client, server):
    client.close()
    server.close()
    return link.end()


def main():
    good = True
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryDirectory() as folder:
        listener.settimeout(30)
        for attempt in range(3):  # a busy machine may spoil one
            good = follow_the_trace(listener, folder) and take_the_delay(listener)
            if good:
                break
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
