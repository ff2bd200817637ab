# SPDX-License-Identifier: Apache-2.0
"""Which room may use what: docs/architecture.md in a form that a program can check."""

import re

from tree import Result, lines_matching, without_comments

GEN_API = r"gen/api_\w+\.h"
# Room (path prefix, the longest one that fits counts) -> headers that it may include besides its own, as patterns.
ALLOWED = {
    "src/base": [],
    "src/codec": ["base/"],
    "src/compress": ["base/", "codec/"],
    "src/fatbin": ["base/", "compress/"],
    "src/seq": [],
    "src/report": ["base/"],
    "src/wire": ["base/", "codec/", r"gen/control\.pb-c\.h"],
    "src/energy": ["base/"],
    "src/api": ["base/", "codec/", "gen/"],
    "src/replay": ["base/", "codec/", "compress/", "api/", "wire/", "seq/", "report/", r"gen/(ops|calls)\.h"],
    "src/cuda": ["base/", "codec/", "api/", "compress/", "fatbin/", "gen/",
                 r"replay/(issue|exit|process)\.h"],
    "src/cli": ["base/", "wire/", "report/", "seq/", "energy/", r"replay/(mode|predict|record|trace|log|optable|tracker|patch|claim)\.h", r"gen/ops\.h"],
    "server": ["base/", "codec/", "api/", "wire/", "fatbin/", "compress/", r"replay/(log|record|patch|coded|coding|arrival)\.h", "gen/", "server/"],
    "soft": ["base/", "fatbin/", "compress/", GEN_API],
    "interpose": ["api/", "gen/"],
}
# Libraries from outside -> the rooms that may use them.
OUTSIDE = {
    r"uv\.h": ["server", "src/cli"],
    r"jansson\.h": ["src/cli"],
    r"protobuf-c/": ["src/wire"],
    r"(zstd|zdict)\w*\.h": ["src/compress", "src/fatbin"],
    r"lz4\w*\.h": ["src/compress", "src/fatbin"],
    r"(cblas|openblas_config)\.h": ["soft"],
    r"ini\.h": ["server"],
    r"(cuda|cuda_runtime\w*|cublas\w*|cudnn\w*|nvml)\.h": [],
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def room_of(path):
    fitting = [room for room in ALLOWED if path.startswith(room + "/")]
    return max(fitting, key=len) if fitting else None


def own(room, path, header, tree):
    """A header of the same room: by its name after the include root, or relative to the including file."""
    name = room.split("/")[-1]
    folder = path.rsplit("/", 1)[0]
    return header.startswith((name + "/", "../")) or f"{folder}/{header}" in tree.texts or f"{room}/{header}" in tree.texts


def check_arrows(tree):
    result = Result()
    for path, text in tree.sources(".c", ".h"):
        room = room_of(path)
        if not room:
            continue
        for line, match in lines_matching(text, INCLUDE):
            kind, header = match.groups()
            for pattern, rooms in OUTSIDE.items():
                if re.match(pattern, header) and not any(path.startswith(allowed + "/") for allowed in rooms):
                    result.violation(path, line, f"<{header}> may be used in {', '.join(rooms) or 'no room'} only")
            if kind == "<" or own(room, path, header, tree) or any(re.match(allowed, header) for allowed in ALLOWED[room]):
                continue
            if any(re.match(pattern, header) for pattern in OUTSIDE):
                continue
            result.violation(path, line, f'{room} may not use "{header}" (docs/architecture.md)')
    return result


MODE_FILE = "src/replay/mode.c"
DEFAULT_MODE_FILE = "src/base/config.h"  # the table's default has to be spelled out
MODE_LITERAL = re.compile(r'"(plain|percall|percall-device|async|replay)"')


def check_mode_names(tree):
    result = Result()
    for path, text in tree.sources(".c", ".h"):
        if path in (MODE_FILE, DEFAULT_MODE_FILE) or not path.startswith(("src/", "server/", "interpose/", "soft/")):
            continue
        for line, match in lines_matching(without_comments(text), MODE_LITERAL):
            result.violation(path, line, f"the mode's name {match.group()} stands outside {MODE_FILE}")
    return result


# What lives in someone else's program, or is linked into it. In the first group not even the C library's text output may be used.
PRELOAD = ("src/cuda/", "src/replay/", "interpose/", "src/api/custom/", "src/seq/", "src/report/", "src/base/", "src/codec/",
           "src/wire/", "src/compress/", "src/fatbin/")
ENDS = re.compile(r"(?<![\w.>])(exit|_exit|_Exit|quick_exit|abort|assert|raise)\s*\(")
STDIO = re.compile(r"(?<![\w.>])(printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|fopen|fwrite|fwrite_unlocked|fread|fflush|flockfile|popen|system)\s*\(")
# What kernels print goes through the application's stdio, as natively: else it would not stand where the program printed around it.
WITH_STDIO = ("src/replay/text.c",)
ALLOCATES = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free|strdup|asprintf)\s*\(")
WITHOUT_MALLOC = ("src/base/log.c", "src/base/format.c", "src/report/json.c", "src/report/report.c", "interpose/dlopen.c")


def check_preload_room(tree):
    result = Result()
    for path, text in tree.sources(".c", ".h"):
        if not path.startswith(PRELOAD):
            continue
        code = without_comments(text, strings=False)
        code = re.sub(r"#\s*pragma[^\n]*", lambda match: " " * len(match.group()), code)
        for pattern, message in ((ENDS, "ends the user's program"), (STDIO, "is stdio")):
            for line, match in [] if pattern is STDIO and path in WITH_STDIO else lines_matching(code, pattern):
                result.violation(path, line, f"{match.group(1)}() {message}: not in the preload room")
        if path in WITHOUT_MALLOC:
            for line, match in lines_matching(code, ALLOCATES):
                result.violation(path, line, f"{match.group(1)}() in a file that must not allocate")
    return result
