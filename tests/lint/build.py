# SPDX-License-Identifier: Apache-2.0
"""Checks of what the build makes. Without a build they are skipped, with a sentence."""

import os
import re
import subprocess
import sys

from tree import Result

GLIBC_FLOOR = (2, 34)  # what the client's side may ask of the C library at most: Ubuntu 22.04 and JetPack 6 have 2.35
ARCHITECTURES = ("", "aarch64")  # builds: the machine's own, and below it those for others (make aarch64)
LIBRARIES = ("doors", "fallback")
BUNDLED = ("libnvjpeg.so.13",)  # torchvision carries its own, under another name


def needed_glibc(readelf_output):
    """The newest GLIBC version in the output of readelf -V."""
    versions = [tuple(map(int, found.split("."))) for found in re.findall(r"Name: GLIBC_(\d+\.\d+(?:\.\d+)?)", readelf_output)]
    return max(versions, default=(0,))


def preloaded(tree):
    folder = tree.built("lib", "rrto")
    found = []
    for name in ("",) + LIBRARIES:
        inside = os.path.join(folder, name) if folder else ""
        if folder and os.path.isdir(inside):
            found += [os.path.join(inside, file) for file in sorted(os.listdir(inside)) if ".so" in file]
    return found


def client_side(tree):
    """Every library that is preloaded and the command line, of each architecture that is built."""
    found = []
    for architecture in ARCHITECTURES:
        folder = tree.built(architecture)
        if folder:
            inside = type(tree)(tree.texts, tree.root, folder)
            found += preloaded(inside) + [path for path in (inside.built("bin", "rrto"),) if path]
    return found


def check_glibc_floor(tree):
    result = Result()
    libraries = client_side(tree)
    if not libraries:
        result.skipped = "nothing is built"
    for library in libraries:
        output = subprocess.run(["readelf", "-V", "-W", library], capture_output=True, text=True, check=True).stdout
        version = needed_glibc(output)
        if version > GLIBC_FLOOR:
            result.violation(library, 0, "needs GLIBC_%s, the floor is %s" % (".".join(map(str, version)), ".".join(map(str, GLIBC_FLOOR))))
    return result


def exports(library):
    """{(name, version node)} of the dynamic symbols that a library defines; the node is "" where there is none."""
    output = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", library], capture_output=True, text=True,
                            check=True).stdout
    found = set()
    for line in output.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] != "A":
            name, _, node = fields[2].replace("@@", "@").partition("@")
            found.add((name, node))
    return found


def wanted_symbols(texts):
    """{(name, node)} of the symbol lists: what stock wheels need."""
    wanted = set()
    for path, text in texts.items():
        if path.startswith("src/api/symbols/"):
            for line in text.splitlines():
                fields = line.split("\t")
                if len(fields) >= 2 and not line.startswith("#") and fields[0] not in BUNDLED:
                    wanted.add((fields[1], "" if fields[0] == "-" else fields[0]))
    return wanted


def missing_symbols(wanted, exported):
    """An unversioned reference binds to any definition of the name; a versioned one to its node."""
    names = {name for name, _ in exported}
    return sorted((name, node) for name, node in wanted if ((name, node) not in exported if node else name not in names))


def check_wanted_symbols(tree):
    """Every symbol that a stock wheel needs is exported by a door or a stand-in: one that is missing fails the import."""
    result = Result()
    libraries = [library for library in preloaded(tree) if os.path.basename(os.path.dirname(library)) in LIBRARIES]
    if not libraries:
        result.skipped = "nothing is built"
        return result
    exported = set()
    for library in libraries:
        exported |= exports(library)
    for name, node in missing_symbols(wanted_symbols(tree.texts), exported):
        result.violation("src/api/symbols", 0, f"{name}@{node or '-'} is exported by no library")
    return result


CLIENT_EXPORTS = re.compile(r"rrto_\w+")


def check_client_exports(tree):
    """librrto-client.so lives beside the application's own libraries: nothing but our few names may show."""
    result = Result()
    library = tree.built("lib", "rrto", "librrto-client.so")
    if not library:
        result.skipped = "librrto-client.so is not built"
        return result
    names = [name for name, _ in exports(library)]
    for name in sorted(names):
        if not CLIENT_EXPORTS.fullmatch(name):
            result.violation(library, 0, f"exports {name}")
    if len(names) > 8:
        result.violation(library, 0, f"exports {len(names)} names; the doors need a handful")
    needed = subprocess.run(["readelf", "-d", "-W", library], capture_output=True, text=True, check=True).stdout
    for name in re.findall(r"\(NEEDED\).*\[(.*)\]", needed):
        if not re.match(r"(libc|libm|libpthread|libdl|librt|ld-linux[\w-]*|lib[alut]san)\.so", name):
            result.violation(library, 0, f"needs {name}; it may need the C library only")
    return result


def check_environment_page(tree):
    result = Result()
    tool = tree.built("tools", "environment-page")
    if not tool:
        result.skipped = "the tool is not built"
        return result
    page = subprocess.run([tool], capture_output=True, text=True, check=True).stdout
    if tree.texts.get("docs/environment.md") != page:
        result.violation("docs/environment.md", 0, "differs from the table in src/base/config.h (make docs)")
    return result


def check_generated_share(tree):
    result = Result()
    generator = os.path.join(tree.root or "", "src/api/generate.py")
    if not os.path.exists(generator):
        result.skipped = "there is no generator"
        return result
    run = subprocess.run([sys.executable, "-B", generator, "--ratio"], capture_output=True, text=True)
    if run.returncode != 0:
        result.violation("src/api", 0, f"too few ops are generated: {(run.stdout + run.stderr).strip()}")
    return result


def check_shell_scripts(tree):
    result = Result()
    for path, text in sorted(tree.texts.items()):
        shell = re.match(r"#!\s*(?:/usr)?/bin/(?:env )?(sh|bash|dash)\b", text)
        if not shell:
            continue
        run = subprocess.run([shell.group(1), "-n"], input=text, capture_output=True, text=True)
        if run.returncode != 0:
            result.violation(path, 0, run.stderr.strip().splitlines()[0])
    return result
