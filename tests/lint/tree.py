# SPDX-License-Identifier: Apache-2.0
"""The tree that the checks look at: tracked files as texts, and where a build of them lies. The self-test makes small ones by hand."""

import os
import re
import subprocess


class Tree:
    def __init__(self, texts, root=None, build=None):
        self.texts = texts  # path relative to the root -> text
        self.root, self.build = root, build

    @classmethod
    def of_repository(cls, root, build):
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=True).stdout
        texts = {}
        for path in listed.decode().split("\0"):
            full = os.path.join(root, path)
            if not path or not os.path.isfile(full) or os.path.islink(full):
                continue
            with open(full, "rb") as file:
                content = file.read()
            if b"\0" not in content[:4096]:  # not a binary file
                texts[path] = content.decode("utf-8", "replace")
        return cls(texts, root, build)

    def built(self, *path):
        """The path of something that the build makes, or None."""
        full = os.path.join(self.build, *path) if self.build else None
        return full if full and os.path.exists(full) else None

    def sources(self, *suffixes):
        """(path, text) of the files with these suffixes, in order."""
        return [(path, text) for path, text in sorted(self.texts.items()) if path.endswith(suffixes)]


class Result:
    """What a check found. A violation fails the lint; a warning and a reason for skipping are only shown."""

    def __init__(self):
        self.violations, self.warnings, self.skipped = [], [], None

    def violation(self, path, line, message):
        self.violations.append(f"{path}:{line}: {message}" if line else f"{path}: {message}")

    def warning(self, path, message):
        self.warnings.append(f"{path}: {message}")


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def without_comments(text, strings=True):
    """C text with comments (and, if asked, strings) blanked, so that lines keep their numbers."""

    def blank(match):
        token = match.group()
        if token.startswith(("//", "/*")) or not strings:
            return re.sub(r"[^\n]", " ", token)
        return token

    return TOKEN.sub(blank, text)


def lines_matching(text, pattern):
    """(line number, match) for each match."""
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match
