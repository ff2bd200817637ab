# SPDX-License-Identifier: Apache-2.0
"""What is asked of every file and folder."""

import posixpath
import re
import shutil
import subprocess

from tree import Result, lines_matching

CODE = (".c", ".h", ".py", ".S", ".api", ".cmake")
MAX_LINES, LONG_LINES = 600, 400
FORMATTER = "clang-format-14"
AS_GENERATED = ("tests/golden/expected/", "tests/golden/small/", "tests/golden/bad/")  # data of the generator's tests


def check_layout(tree):
    """clang-format decides the layout."""
    result = Result()
    if not shutil.which(FORMATTER):
        result.skipped = f"{FORMATTER} is not installed (make lint installs it)"
        return result
    paths = [path for path, _ in tree.sources(".c", ".h") if not path.startswith(AS_GENERATED)]
    for start in range(0, len(paths), 50):
        run = subprocess.run([FORMATTER, "--dry-run", "--ferror-limit=1", *paths[start:start + 50]], cwd=tree.root,
                             capture_output=True, text=True)
        for line in run.stderr.splitlines():
            match = re.match(r"(\S+?):(\d+):\d+: .*-Wclang-format-violations", line)
            if match:
                result.violation(match.group(1), int(match.group(2)), "clang-format lays this out differently (make format)")
    return result


def check_readmes(tree):
    """Each folder with code tells in a few lines what it is for."""
    result = Result()
    folders = {posixpath.dirname(path) for path, _ in tree.sources(".c", ".h", ".py", ".api") if not path.startswith(AS_GENERATED)}
    for folder in sorted(folders):
        readme = posixpath.join(folder, "README.md")
        if posixpath.dirname(folder) == "tests/unit" and readme not in tree.texts:
            continue  # tests/unit/README.md speaks for its folders, which are named after the rooms
        if readme in tree.texts:
            lines = [line for line in tree.texts[readme].splitlines() if line.strip()]
            if not 2 <= len(lines) <= 12:
                result.warning(readme, f"{len(lines)} lines; two to ten say what a folder is for")
        elif folder and not any(part.startswith(".") for part in folder.split("/")):
            result.violation(folder, 0, "no README.md")
    return result


def check_licence_lines(tree):
    result = Result()
    for path, text in tree.sources(*CODE):
        if path.startswith(AS_GENERATED):
            continue
        if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text.splitlines()[:4]):
            result.violation(path, 1, "no SPDX line at the top")
    return result


# Paths that exist on one machine only. Assembled, so that this file passes its own check.
MACHINE_PATHS = re.compile("|".join((r"/ro" + r"ot/", r"/wo" + r"rk/", r"/ho" + r"me/\w", r"/tm" + r"p/rrto/")))


def check_machine_paths(tree):
    result = Result()
    for path, text in sorted(tree.texts.items()):
        for line, match in lines_matching(text, MACHINE_PATHS):
            result.violation(path, line, f"a path of one machine: {match.group()}")
    return result


def check_lengths(tree):
    result = Result()
    for path, text in tree.sources(".c", ".h", ".py"):
        lines = text.count("\n")
        if path.startswith(AS_GENERATED):
            continue
        if lines > MAX_LINES:
            result.violation(path, 0, f"{lines} lines; {MAX_LINES} are the limit")
        elif lines > LONG_LINES:
            result.warning(path, f"{lines} lines; about 300 can be read in one sitting")
    return result


def check_soft_is_smaller(tree):
    """The soft GPU is a device to test with, not the product."""
    result = Result()
    counted = {"src": 0, "soft": 0}
    for path, text in tree.sources(".c", ".h", ".S", ".def", ".api", ".py"):
        room = path.split("/")[0]
        if room in counted:
            counted[room] += text.count("\n")
    if counted["soft"] >= counted["src"]:
        result.violation("soft", 0, f"{counted['soft']} lines, src has {counted['src']}: the soft GPU has to be smaller")
    return result
