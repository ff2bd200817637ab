# SPDX-License-Identifier: Apache-2.0
"""An rrtod, and a peer between it and its clients that sees every chunk (docs/wire.md) and may change bytes of it."""

import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

HELLO_BYTES = 64
OPS, REPLY = 2, 3
END = 1


class Cut:
    """What edit returns instead of a payload: so many bytes of the chunk are passed on, then both connections end."""

    def __init__(self, n_bytes):
        self.n_bytes = n_bytes


class Peer:
    """with Peer(edit) as peer: peer.run(program, mode). edit(upwards, type, flags, payload), called in
    the order of the chunks of one direction, returns the payload to pass on, of the same length, or a Cut. options: further
    ones of rrtod."""

    def __init__(self, edit, options=()):
        self.edit, self.options = edit, list(options)
        self.build = os.environ.get("BUILD_DIR", "build")

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="rrto-peer-")
        self.address = "unix:%s/peer.sock" % self.folder
        self.server = "%s/rrtod.sock" % self.folder
        ready, ready_end = os.pipe()
        self.process = subprocess.Popen([os.path.join(self.build, "bin", "rrtod"), "--listen", "unix:" + self.server, "--device", "soft",
                                         "--exit-with-parent", "--log", "error", "--ready-fd", str(ready_end)] + self.options,
                                        pass_fds=[ready_end], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(ready_end)
        os.read(ready, 256)  # its address, or the end
        os.close(ready)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("%s/peer.sock" % self.folder)
        self.listener.listen()
        self.threads = []
        self.start(self.accept)
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.process.terminate()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        self.listener.close()
        shutil.rmtree(self.folder)

    def start(self, target, *args):
        thread = threading.Thread(target=target, args=args)
        self.threads.append(thread)
        thread.start()
        return thread

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.start(self.serve, client)

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self.server)
            upwards = self.start(self.relay, True, client, server)
            self.relay(False, server, client)
            try:
                client.shutdown(socket.SHUT_RD)
            except OSError:
                pass  # it has gone already
            upwards.join()

    def relay(self, upwards, source, target):
        try:
            with source.makefile("rb") as stream:
                target.sendall(stream.read(HELLO_BYTES))
                while True:
                    head = stream.read(8)
                    if len(head) < 8:
                        break
                    n, kind, flags = struct.unpack("<IBBxx", head)
                    payload = stream.read(n)
                    passed = self.edit(upwards, kind, flags, payload)
                    if isinstance(passed, Cut):
                        target.sendall((head + payload)[:passed.n_bytes])
                        source.shutdown(socket.SHUT_RDWR)
                        target.shutdown(socket.SHUT_RDWR)
                        break
                    target.sendall(head + passed)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one side has gone: so does the other

    def run(self, program, mode, **variables):
        """(exit status, stdout, stderr) of a program that is served through this peer. Without `rrto run`, which takes no
        server in mode plain."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RRTO_")}
        for name, option in (("LD_PRELOAD", []), ("LD_LIBRARY_PATH", ["--library-path"])):
            environment[name] = subprocess.check_output([os.path.join(self.build, "bin", "rrto"), "preload"] + option, text=True).strip()
        environment.update(variables, RRTO_SERVER=self.address, RRTO_MODE=mode)
        done = subprocess.run([program], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr
