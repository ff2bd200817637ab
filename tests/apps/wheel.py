# SPDX-License-Identifier: Apache-2.0
"""The wheel is the stock one, needs no vendor library, and does not take one that lies about."""

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, ROOT, RRTO, Failure, Folder, Run, Skip, check, example, must_equal, python, rrto_run

SYMBOLS = ROOT / "src" / "api" / "symbols"
USES_THE_DEVICE = "import torch; assert torch.cuda.is_available(); print(torch.arange(9).cuda().cpu().tolist())"
RIGHT = "[0, 1, 2, 3, 4, 5, 6, 7, 8]"


def site_packages():
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    return Path(subprocess.run([python(), "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


def symbol_list():
    lists = sorted(SYMBOLS.glob("*torch*.tsv"))
    version = next(site_packages().glob("torch-*.dist-info")).name.removesuffix(".dist-info").split("-")[1].split("+")[0]
    named = [path for path in lists if version in path.name]
    if not named:
        raise Skip(f"no list of the symbols of torch {version} in {SYMBOLS}")
    return named[0]


def make_libraries(out, body, *options):
    subprocess.run([sys.executable, HERE / "make_libraries.py", "--symbols", symbol_list(), "--out", out, "--body", body, *options],
                   check=True)


def record():
    """The installed torch and torchvision are unmodified: every file has the hash that its RECORD states."""
    folder = site_packages()
    for package in ("torch", "torchvision"):
        info = next(folder.glob(f"{package}-*.dist-info"))
        checked = 0
        with open(info / "RECORD", newline="") as file:
            for path, digest, _ in csv.reader(file):
                if not digest:
                    continue
                kind, expected = digest.split("=", 1)
                with open(folder / path, "rb") as content:
                    actual = base64.urlsafe_b64encode(hashlib.file_digest(content, kind).digest()).rstrip(b"=").decode()
                check(actual == expected, f"{folder / path} is not what the wheel holds")
                checked += 1
        check(checked > 100, f"{info}/RECORD names only {checked} hashes")
        print(f"{info.name}: {checked} files as in the wheel")


def no_nvidia_packages():
    """`pip list` shows no nvidia-* package."""
    packages = json.loads(Run([python(), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]).must_succeed().out)
    names = [package["name"] for package in packages]
    check("torch" in names, f"pip list does not show torch: {names}")
    check(not [name for name in names if name.lower().startswith(("nvidia", "cuda-"))], f"vendor packages are installed: {names}")
    print(f"{len(names)} packages, none of the vendor's")


def decoy():
    """With vendor libraries at the wheel's RPATH whose every function aborts, classify still gives the same bytes."""
    real = site_packages()
    with Folder() as folder, tempfile.TemporaryDirectory(dir=real.parent.parent, prefix="decoy-") as near:
        copy = Path(near) / "site-packages"
        shutil.copytree(real, copy, copy_function=os.link, symlinks=True)  # hard links: the wheel's own files at another place
        make_libraries(Path(folder) / "decoys", "abort")
        rpath = subprocess.run(["readelf", "-d", copy / "torch" / "lib" / "libtorch_cuda.so"], stdout=subprocess.PIPE, text=True,
                               check=True).stdout
        places = re.findall(r"\$ORIGIN/\.\./\.\./(nvidia/[^:\]]*)", rpath)
        check(places, f"libtorch_cuda.so has no RPATH to vendor libraries:\n{rpath}")
        for place in places:
            target = copy / place
            target.mkdir(parents=True, exist_ok=True)
            for library in (Path(folder) / "decoys").iterdir():
                shutil.copy(library, target)
        environment = {"PYTHONPATH": str(copy)}
        bare = Run([python(), "-c", USES_THE_DEVICE], environment)
        check(bare.status != 0 and "decoy library called" in bare.err,
              f"without rrto the decoys are not reached, so they prove nothing: {bare.status}\n{bare.err[-1500:]}")
        code = f"import torch; assert torch.__file__.startswith({str(copy)!r}), torch.__file__; " + USES_THE_DEVICE
        run = rrto_run("replay", [python(), "-c", code], environment).must_succeed()
        check(RIGHT in run.out, f"printed {run.out!r}")
        plain = example("classify", "plain", 3, folder)
        must_equal(example("classify", "replay", 3, folder, "decoy", environment), plain, "classify beside decoys")


# Hides every folder of an installed toolkit, then runs the command; exits 77 with a reason when one stays visible.
HIDE = r"""
set -e
mount --make-rprivate /
for folder in /usr/local/cuda*; do
    if test -d "$folder" && ! test -L "$folder"; then mount -t tmpfs none "$folder"; fi
done
for library in $(ldconfig -p | sed -n 's/.*=> //p' | grep -E '/lib(cuda|cudart|cublas|cublasLt|cudnn|cufft|cusolver|cusparse|cusparseLt|cufile|cupti|curand|nccl|nvrtc|nvidia-ml|nvshmem_host)\.so'); do
    if test -e "$library"; then echo "still visible: $library"; exit 77; fi
done
exec "$@"
"""


def hidden(command, environment=None):
    run = Run(["unshare", "--mount", "sh", "-c", HIDE, "sh", *command], environment)
    if run.status == 77:
        raise Skip(f"an installed CUDA library cannot be hidden: {run.out.strip()}")
    return run


def no_vendor_libraries():
    """In a mount namespace where no installed CUDA library is visible, torch uses the device."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("hiding the installed toolkit needs root and unshare")
    if Run(["unshare", "--mount", "true"]).status != 0:
        raise Skip("no mount namespaces here")
    bare = hidden([python(), "-c", "import torch"])
    check(bare.status != 0 and "cannot open shared object file" in bare.err,
          f"without rrto torch was to miss its vendor libraries: {bare.status}\n{bare.err[-1500:]}")
    run = hidden([RRTO, "run", "--mode", "replay", "--", python(), "-c", USES_THE_DEVICE]).must_succeed()
    check(RIGHT in run.out, f"printed {run.out!r}")
    print("nothing of CUDA is visible, and torch computes")


MEASURE = """
import resource, time
begin = time.perf_counter()
import torch
took = (time.perf_counter() - begin) * 1e3
with open("/proc/self/status") as file:
    resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
print("measured", took, resident / 1024)
"""


def measured(run):
    words = run.must_succeed().out.split("measured")[1].split()
    return float(words[0]), float(words[1])


def import_time():
    """`import torch` takes at most 0.3 s more through rrto than through libraries that do nothing; both are stated, and their memory."""
    with Folder() as folder:
        make_libraries(Path(folder) / "nothing", "nothing")
        preload = ":".join(str(path) for path in sorted((Path(folder) / "nothing").iterdir()))
        rounds = {"libraries that do nothing": [], "rrto": []}
        for _ in range(4):
            rounds["libraries that do nothing"].append(measured(Run([python(), "-c", MEASURE], {"LD_PRELOAD": preload})))
            rounds["rrto"].append(measured(rrto_run("replay", [python(), "-c", MEASURE])))
    medians = {}
    for name, values in rounds.items():
        warm = values[1:]  # the first one fills the page cache
        medians[name] = statistics.median(ms for ms, _ in warm)
        print(f"import torch with {name}: {medians[name]:.0f} ms, {statistics.median(mib for _, mib in warm):.0f} MiB resident")
    difference = medians["rrto"] - medians["libraries that do nothing"]
    print(f"difference: {difference:+.0f} ms")
    check(difference <= 300, f"importing torch through rrto takes {difference:.0f} ms more, at most 300 are allowed")


SCENARIOS = {
    "record": record,
    "no-nvidia-packages": no_nvidia_packages,
    "decoy": decoy,
    "no-vendor-libraries": no_vendor_libraries,
    "import-time": import_time,
}
