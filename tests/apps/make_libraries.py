#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds one tiny library per vendor soname whose every function does nothing, or aborts.

    make_libraries.py --symbols FILE.tsv --out FOLDER --body nothing|abort [--folders]

FILE.tsv: version node, symbol, ... per line (an undefined symbol of a stock wheel). `nothing` answers 0: what an import costs
without rrto is measured with it. `abort` is the decoy: a vendor library that must never be called. With --folders each library
goes to FOLDER/<name>/lib, as the vendor's wheels lay them out.
"""

import argparse
import collections
import subprocess
import sys
import tempfile
from pathlib import Path

# Libraries whose symbols carry no version node, by the prefix of the symbol; the first match counts.
UNVERSIONED = [
    ("nccl", "libnccl.so.2"),
    ("cuFile", "libcufile.so.0"),
    ("cusparseLt", "libcusparseLt.so.0"),
    ("curand", "libcurand.so.10"),
    ("nvshmem", "libnvshmem_host.so.3"),
    ("nvml", "libnvidia-ml.so.1"),
    ("cu", "libcuda.so.1"),
]
NODES = {"NVSHMEM": "libnvshmem_host.so.3"}
# Needed by name although the wheel takes no symbol from them.
EMPTY = ["libcurand.so.10", "libnvidia-ml.so.1"]
BODIES = {
    "nothing": "int {name}(void);\nint {name}(void) {{ return 0; }}\n",
    "abort": "int {name}(void);\nint {name}(void) {{ die(\"{name}\"); return 0; }}\n",
}
HEAD = {
    "nothing": "",
    "abort": """#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void die(const char *name)
{
    static const char text[] = "decoy library called: ";
    if (write(2, text, sizeof text - 1) < 0 || write(2, name, strlen(name)) < 0 || write(2, "\\n", 1) < 0)
        _exit(97);
    abort();
}
""",
}


def read_symbols(path):
    """{soname: (node or None, [symbols])}"""
    libraries = collections.defaultdict(lambda: [None, set()])
    for line in Path(path).read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        node, symbol = line.split("\t")[:2]
        if node == "-":
            soname = next((library for prefix, library in UNVERSIONED if symbol.startswith(prefix)), None)
            if soname is None:
                sys.exit(f"{path}: no library known for {symbol}")
            libraries[soname][1].add(symbol)
        else:
            soname = NODES.get(node, node)
            libraries[soname][0] = node
            libraries[soname][1].add(symbol)
    for soname in EMPTY:
        libraries[soname][1].update()
    return {soname: (node, sorted(symbols)) for soname, (node, symbols) in libraries.items()}


def build(soname, node, symbols, body, out):
    with tempfile.TemporaryDirectory() as work:
        source, version_map = Path(work) / "library.c", Path(work) / "library.map"
        used = HEAD[body] if symbols else ""
        source.write_text(used + "".join(BODIES[body].format(name=symbol) for symbol in symbols) + "typedef int not_empty;\n")
        exports = " ".join(f"{symbol};" for symbol in symbols)
        version_map.write_text(f"{node or ''} {{ {'global: ' + exports if exports else ''} local: *; }};\n")
        out.mkdir(parents=True, exist_ok=True)
        command = ["cc", "-shared", "-fPIC", "-O1", "-w", f"-Wl,-soname,{soname}", f"-Wl,--version-script={version_map}"]
        subprocess.run([*command, "-o", str(out / soname), str(source)], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--symbols", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--body", required=True, choices=sorted(BODIES))
    parser.add_argument("--folders", action="store_true")
    options = parser.parse_args()
    for soname, (node, symbols) in sorted(read_symbols(options.symbols).items()):
        out = options.out / soname.split(".")[0].removeprefix("lib") / "lib" if options.folders else options.out
        build(soname, node, symbols, options.body, out)


if __name__ == "__main__":
    main()
