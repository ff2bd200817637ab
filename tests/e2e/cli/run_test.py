# SPDX-License-Identifier: Apache-2.0
"""rrto run in a made-up installation: doors that do nothing, and a shell script for rrtod."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

RRTO = os.path.join(os.environ["BUILD_DIR"], "bin", "rrto")
DOORS = [
    "libcudart.so.13", "libcuda.so.1", "libcublas.so.13", "libcublasLt.so.13", "libcudnn.so.9", "libnvidia-ml.so.1",
    "librrto-dlopen.so",
]
# Says that it is ready on descriptor 3, notes its arguments, and stays until it is told to go.
RRTOD = """#!/bin/sh
echo "$@" > {folder}/rrtod.arguments
echo $$ > {folder}/rrtod.pid
test -e {folder}/refuse && exit 1
trap 'exit 0' TERM
echo listening >&3
while :; do sleep 0.05; done
"""


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rrto-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for name in ("bin", "lib/rrto/doors", "lib/rrto/fallback", "runtime"):
            os.makedirs(os.path.join(self.folder, name))
        shutil.copy(RRTO, self.folder + "/bin/rrto")
        for name in DOORS:  # any library will do: one that is loaded anyway
            shutil.copy("/lib/x86_64-linux-gnu/libdl.so.2", f"{self.folder}/lib/rrto/doors/{name}")
        with open(self.folder + "/bin/rrtod", "w") as file:
            file.write(RRTOD.format(folder=self.folder))
        os.chmod(self.folder + "/bin/rrtod", 0o755)
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("RRTO_", "LD_"))
        }
        self.environment["XDG_RUNTIME_DIR"] = self.folder + "/runtime"

    def start(self, *arguments, **options):
        return subprocess.Popen(
            [self.folder + "/bin/rrto", "run", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment, **options,
        )

    def run_rrto(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=20)
        self.assertEqual(os.listdir(self.folder + "/runtime"), [])  # nothing is left behind
        return process.returncode, out, err

    def test_exit_statuses(self):
        self.assertEqual(self.run_rrto("--server", "x:1", "true")[0], 0)
        self.assertEqual(self.run_rrto("--server", "x:1", "--", "sh", "-c", "exit 7")[0], 7)
        self.assertEqual(self.run_rrto("--server", "x:1", "no-such-command")[0], 127)
        self.assertEqual(self.run_rrto("--server", "x:1", "/etc/passwd")[0], 126)
        self.assertEqual(self.run_rrto("--server", "x:1", "/tmp")[0], 126)
        self.assertEqual(self.run_rrto("--server", "x:1", "--report", "/no/such/folder/r", "true")[0], 125)
        os.unlink(self.folder + "/lib/rrto/doors/libcudnn.so.9")
        status, _, err = self.run_rrto("--server", "x:1", "true")
        self.assertEqual(status, 125)
        self.assertIn("libcudnn.so.9 is missing", err)

    def test_a_signal_is_raised_again_after_the_report(self):
        report = self.folder + "/report"
        status, _, _ = self.run_rrto("--server", "x:1", "--report", report, "sh", "-c", "kill -ABRT $$")
        self.assertEqual(status, -signal.SIGABRT)
        with open(report) as file:
            self.assertEqual(json.load(file)["signal"], signal.SIGABRT)

    def test_the_environment_of_the_command(self):
        # A sanitized rrto minds a library before its own; a sanitized build preloads libasan first.
        self.environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.environment.update(LD_PRELOAD="libm.so.6", LD_LIBRARY_PATH="/somewhere", RRTO_REPORT=self.folder + "/r")
        script = "import json, os; print(json.dumps(dict(os.environ)))"
        status, out, err = self.run_rrto("--server", "host:1", "--mode", "async", sys.executable, "-c", script)
        self.assertEqual((status, err), (0, ""))
        seen = json.loads(out)
        doors = [path for path in seen["LD_PRELOAD"].split(":") if "libasan" not in path]
        self.assertEqual([os.path.basename(path) for path in doors], DOORS + ["libm.so.6"])
        self.assertTrue(all(os.path.isabs(path) for path in doors[:-1]))
        self.assertEqual(seen["LD_LIBRARY_PATH"], self.folder + "/lib/rrto/fallback:/somewhere")
        self.assertEqual((seen["RRTO_SERVER"], seen["RRTO_MODE"]), ("host:1", "async"))
        self.assertTrue(seen["RRTO_RUN_DIR"].startswith(self.folder + "/runtime/rrto-"))
        self.assertNotIn("RRTO_REPORT", seen)
        self.assertTrue(os.path.exists(self.folder + "/r"))

    def test_without_a_server_a_private_one_is_started_and_stopped(self):
        status, out, err = self.run_rrto("--compute", "skip", "--answers", "kept", "sh", "-c", 'echo "$RRTO_SERVER"; stat -c %a "$RRTO_RUN_DIR"')
        self.assertEqual(status, 0)
        self.assertEqual(err.count("\n"), 1)
        self.assertIn("private rrtod", err)
        address, mode = out.split()
        self.assertTrue(address.startswith("unix:" + self.folder + "/runtime/rrto-"))
        self.assertEqual(mode, "700")
        with open(self.folder + "/rrtod.arguments") as file:
            arguments = file.read()
        for part in (f"--listen {address}", "--device auto", "--exit-with-parent", "--compute skip", "--answers kept"):
            self.assertIn(part, arguments)
        self.assertServerIsGone()

    def test_plain_takes_the_soft_gpu_and_ignores_the_server(self):
        status, _, err = self.run_rrto("--mode", "plain", "--server", "host:1", "true")
        self.assertEqual(status, 0)
        self.assertIn("ignoring server host:1", err)
        with open(self.folder + "/rrtod.arguments") as file:
            self.assertIn("--device soft", file.read())

    def test_a_server_that_does_not_start(self):
        open(self.folder + "/refuse", "w").close()
        status, _, err = self.run_rrto("true")
        self.assertEqual(status, 125)
        self.assertIn("did not start", err)

    def test_a_killed_rrto_takes_its_server_along(self):
        process = self.start("sh", "-c", "echo started; sleep 30")
        self.assertEqual(process.stdout.readline(), "started\n")
        command = int(subprocess.run(["pgrep", "-P", str(process.pid), "-x", "sh"], capture_output=True, text=True).stdout.split()[0])
        process.kill()
        process.wait()
        self.assertServerIsGone()
        os.kill(command, signal.SIGKILL)

    def test_signals_are_passed_on(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = self.start(
                "--server", "x:1", "--report", self.folder + "/report", "sh", "-c",
                "trap 'exit 42' TERM INT HUP; echo ready; while :; do sleep 0.05; done",
            )
            self.assertEqual(process.stdout.readline(), "ready\n")
            process.send_signal(number)
            process.communicate(timeout=10)
            self.assertEqual(process.returncode, 42)
            with open(self.folder + "/report") as file:
                self.assertEqual(json.load(file)["exit_status"], 42)

    def test_the_report_has_every_key_even_when_nothing_happened(self):
        report = self.folder + "/report"
        self.run_rrto("--server", "host:1", "--report", report, "true")
        with open(report) as file:
            content = json.load(file)
        for key in (
            "mode server device compute link_rtt_us wall_s calls ops ops_literal ops_predicted ops_patched round_trips "
            "bytes_up bytes_down payload_up payload_down inferences first_replayed_inference "
            "round_trips_per_inference_last bytes_up_per_inference_last bytes_down_per_inference_last "
            "op_bytes_up_per_inference_last frames_up_per_inference_last arg_bytes_changed_per_inference_last sequences "
            "deviations reconnects unsupported blocked_ns call_ns_p50 processes"
        ).split():
            self.assertIn(key, content)
        self.assertEqual((content["mode"], content["server"]), ("replay", "host:1"))
        self.assertGreater(content["wall_s"], 0)
        self.assertEqual((content["processes"], content["sequences"], content["unsupported"]), ([], [], {}))

    def assertServerIsGone(self):
        with open(self.folder + "/rrtod.pid") as file:
            pid = int(file.read())
        for _ in range(200):
            if not os.path.exists(f"/proc/{pid}"):
                return
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return  # dead; whoever adopted it has not looked yet
            time.sleep(0.02)
        self.fail("the private server is still there")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
