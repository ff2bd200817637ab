# SPDX-License-Identifier: Apache-2.0
"""rrto link over loopback: bytes exactly, times within generous bounds."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

RRTO = os.path.join(os.environ["BUILD_DIR"], "bin", "rrto")


def pattern(n):
    return bytes(i * 7 % 251 for i in range(n))


# Exact below: a link is never faster than it says. Above, only a broken link fails: a busy machine delays anything (accuracy is
# bench's to measure).
SLACK = 20


class Link:
    def __init__(self, target, *options, listen="127.0.0.1:0"):
        self.process = subprocess.Popen(
            [RRTO, "link", "--listen", listen, "--to", target, *options], stdout=subprocess.PIPE, text=True
        )
        first = self.process.stdout.readline()
        assert first.startswith("listening on "), first
        self.address = first.split()[2]

    def connect(self):
        if self.address.startswith("unix:"):
            client = socket.socket(socket.AF_UNIX)
            client.connect(self.address[5:])
        else:
            host, port = self.address.rsplit(":", 1)
            client = socket.create_connection((host, int(port)))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(30)
        return client

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=10)
        assert self.process.returncode == 0
        return json.loads(out) if out.strip() else None


def receive(connection, n):
    data = b""
    while len(data) < n:
        more = connection.recv(1 << 20)
        if not more:
            break
        data += more
    return data


class LinkTest(unittest.TestCase):
    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        self.target = "127.0.0.1:%d" % self.listener.getsockname()[1]

    def tearDown(self):
        self.listener.close()

    def pair(self, link):
        client = link.connect()
        server, _ = self.listener.accept()
        server.settimeout(30)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client, server

    def test_bytes_are_counted_exactly_and_arrive_unchanged(self):
        link = Link(self.target, "--delay", "1", "--rate", "400")
        client, server = self.pair(link)
        up, down = pattern(3_000_001), pattern(70_003)
        sender = threading.Thread(target=client.sendall, args=(up,))
        sender.start()
        self.assertEqual(receive(server, len(up)), up)
        sender.join()
        server.sendall(down)
        self.assertEqual(receive(client, len(down)), down)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(server.recv(1), b"")  # the end of the stream passes too
        server.sendall(b"after the end of the other direction")
        self.assertEqual(receive(client, 36), b"after the end of the other direction")
        server.close()
        self.assertEqual(client.recv(1), b"")
        totals = link.end()
        self.assertEqual(totals["connections"], 1)
        for key, n in (("up", len(up)), ("down", len(down) + 36)):
            self.assertEqual(totals["bytes_" + key], n)
            self.assertEqual(totals["delivered_" + key], n)

    def test_round_trips_take_both_delays(self):
        link = Link(self.target, "--delay-up", "3", "--delay-down", "7", "--rate", "80")
        client, server = self.pair(link)
        times = []
        for _ in range(30):
            begin = time.perf_counter()
            client.sendall(b"x")
            server.recv(1)
            server.sendall(b"y")
            client.recv(1)
            times.append((time.perf_counter() - begin) * 1e3)
        link.end()
        times.sort()
        print(f"round trip over 3 + 7 ms: min {times[0]:.3f}, median {times[15]:.3f}, max {times[-1]:.3f} ms")
        self.assertGreaterEqual(times[0], 10.0)
        self.assertLess(times[15], 10 * SLACK)

    def test_the_rate_holds(self):
        link = Link(self.target, "--delay", "5", "--rate", "80")
        client, server = self.pair(link)
        data = pattern(602_112)
        begin = time.perf_counter()
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        self.assertEqual(receive(server, len(data)), data)
        took = (time.perf_counter() - begin) * 1e3
        sender.join()
        link.end()
        exact = len(data) * 8 / 80e6 * 1e3 + 5
        print(f"602,112 bytes at 80 Mbit/s and 5 ms: {took:.3f} ms, exact {exact:.3f} ms")
        self.assertGreaterEqual(took, exact - 0.05)
        self.assertLess(took, exact * SLACK)

    def test_a_slow_reader_is_felt_by_the_sender(self):
        link = Link(self.target, "--rate", "8")
        client, server = self.pair(link)
        client.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            try:
                sent += client.send(bytes(65536))
            except BlockingIOError:
                time.sleep(0.005)
        # Socket buffers on the way hold a few megabytes at most; without a bound the link would have taken everything.
        self.assertLess(sent, 32 << 20)
        client.close()
        server.close()
        link.end()

    def test_connections_share_the_link(self):
        link = Link(self.target, "--rate", "80")
        pairs = [self.pair(link) for _ in range(2)]
        data = pattern(200_000)
        begin = time.perf_counter()
        threads = [threading.Thread(target=client.sendall, args=(data,)) for client, _ in pairs]
        threads += [threading.Thread(target=receive, args=(server, len(data))) for _, server in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - begin
        self.assertGreaterEqual(took, 2 * len(data) * 8 / 80e6)
        self.assertEqual(link.end()["bytes_up"], 2 * len(data))

    def test_unix_sockets_on_both_sides_and_a_stats_file(self):
        with tempfile.TemporaryDirectory() as folder:
            target = socket.socket(socket.AF_UNIX)
            target.bind(folder + "/target")
            target.listen()
            link = Link(
                "unix:" + folder + "/target", "--stats", folder + "/stats", listen="unix:" + folder + "/listen"
            )
            client = link.connect()
            server, _ = target.accept()
            client.sendall(b"hello")
            self.assertEqual(receive(server, 5), b"hello")
            self.assertIsNone(link.end())
            with open(folder + "/stats") as file:
                self.assertEqual(json.load(file)["bytes_up"], 5)
            self.assertFalse(os.path.exists(folder + "/listen"))
            target.close()

    def test_an_unreachable_target_closes_the_connection(self):
        self.listener.close()
        link = Link(self.target)
        client = link.connect()
        try:
            self.assertEqual(client.recv(1), b"")
        except ConnectionResetError:
            pass
        link.end()

    def test_a_described_link_with_a_log(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/two.link", "w") as file:
                file.write("# 0.2 s of 8 Mbit/s, then 80\ndelay-down=3\n0 8\n0.2 80\n")
            link = Link(self.target, "--link", folder + "/two.link,delay-up=2", "--log", folder + "/log", "--stats", folder + "/stats")
            begin = time.perf_counter()
            client, server = self.pair(link)  # the trace begins
            data = pattern(600_000)
            sender = threading.Thread(target=client.sendall, args=(data,))
            sender.start()
            self.assertEqual(receive(server, len(data)), data)
            took = time.perf_counter() - begin
            sender.join()
            link.end()
            self.assertGreaterEqual(took, 0.24)  # 200,000 bytes in the first 0.2 s at most, 400,000 in 40 ms
            with open(folder + "/stats") as file:
                totals = json.load(file)
            self.assertEqual((totals["delay_up_ms"], totals["delay_down_ms"], totals["rate_up_mbit"]), (2, 3, 80))
            self.assertGreater(totals["cpu_seconds"], 0)
            with open(folder + "/log") as file:
                lines = [line.split(",") for line in file.read().splitlines()]
            self.assertEqual(lines[0][:5], ["seconds", "up_in", "up_out", "up_waiting", "up_lost"])
            self.assertEqual(sum(int(line[1]) for line in lines[1:]), len(data))
            self.assertEqual(sum(int(line[2]) for line in lines[1:]), len(data))

    def test_losses_and_jitter_make_bytes_late_not_different(self):
        link = Link(self.target, "--link", "rate=200,delay=1,jitter=5,loss=1,rto=20,seed=3")
        client, server = self.pair(link)
        data = pattern(500_000)
        begin = time.perf_counter()
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        self.assertEqual(receive(server, len(data)), data)
        took = time.perf_counter() - begin
        sender.join()
        totals = link.end()
        self.assertGreater(totals["lost_up"], 0)
        self.assertEqual(totals["lost_down"], 0)
        self.assertGreaterEqual(took, 0.021)

    def test_nothing_is_shaped_before_the_file_is_written(self):
        with tempfile.TemporaryDirectory() as folder:
            for there in (False, True):  # a file that was there before says nothing
                ready = os.path.join(folder, "ready")
                if there:
                    os.utime(ready, (1, 1))
                link = Link(self.target, "--link", f"delay=150,rate=8,stall=0.4@0,after={ready}")
                self.addCleanup(link.process.kill)
                client, server = self.pair(link)
                begin = time.perf_counter()
                sender = threading.Thread(target=client.sendall, args=(bytes(4_000_000),))
                sender.start()
                self.assertEqual(len(receive(server, 4_000_000)), 4_000_000)  # 4 s at 8 Mbit/s
                self.assertLess(time.perf_counter() - begin, 2)
                sender.join()
                open(ready, "w").close() if not there else os.utime(ready)
                begin = time.perf_counter()
                client.sendall(bytes(100_000))  # the stall, 100 ms of bytes, the delay
                self.assertEqual(len(receive(server, 100_000)), 100_000)
                self.assertGreaterEqual(time.perf_counter() - begin, 0.4 + 0.1 + 0.15 - 0.001)
                self.assertEqual(link.end()["rate_up_mbit"], 8)
                client.close()
                server.close()

    def test_a_stall_is_waited_for(self):
        link = Link(self.target, "--stall", "0.3@0", "--trace", self.mahimahi())
        begin = time.perf_counter()
        client, server = self.pair(link)
        client.sendall(bytes(3000))
        self.assertEqual(len(receive(server, 3000)), 3000)
        self.assertGreaterEqual(time.perf_counter() - begin, 0.3)
        link.end()

    def mahimahi(self):
        file = tempfile.NamedTemporaryFile("w", suffix=".trace")
        self.addCleanup(file.close)
        file.write("1\n2\n3\n")
        file.flush()
        return file.name

    def test_links_that_come_with_rrto_are_found_by_name(self):
        names = os.listdir(os.path.join(os.environ["SOURCE_DIR"], "bench", "links"))
        names = sorted(name[:-5] for name in names if name.endswith(".link"))
        self.assertGreaterEqual(len(names), 7)
        for name in names:
            Link(self.target, "--link", name).end()
        wrong = subprocess.run([RRTO, "link", "--listen", "127.0.0.1:0", "--to", self.target, "--link", "wifi"], capture_output=True, text=True)
        self.assertEqual((wrong.returncode, wrong.stdout), (1, ""))
        for name in names:
            self.assertIn(name, wrong.stderr)


class ShippedLinks(unittest.TestCase):
    def test_they_are_what_the_generator_writes(self):
        links = os.path.join(os.environ["SOURCE_DIR"], "bench", "links")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-B", links + "/generate.py", folder], check=True)
            self.assertEqual(sorted(os.listdir(folder)), sorted(name for name in os.listdir(links) if name.endswith(".link")))
            for name in os.listdir(folder):
                with open(os.path.join(folder, name)) as made, open(os.path.join(links, name)) as kept:
                    self.assertEqual(made.read(), kept.read(), name)
        drawn = subprocess.run([sys.executable, "-B", links + "/plot.py"], check=True, capture_output=True, text=True).stdout
        with open(os.path.join(os.environ["SOURCE_DIR"], "docs", "links.svg")) as kept:
            self.assertEqual(drawn, kept.read())


if __name__ == "__main__":
    unittest.main(warnings="ignore")
