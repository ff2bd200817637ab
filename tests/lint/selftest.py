# SPDX-License-Identifier: Apache-2.0
"""Every check sees a violation of what it checks, and lets what is right pass."""

import os
import shutil
import subprocess
import tempfile
import unittest

import build
import files
import rooms
from tree import Tree, without_comments

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"


class Lint(unittest.TestCase):
    def sees(self, check, texts, count=1, **options):
        result = check(Tree(texts, **options))
        self.assertIsNone(result.skipped)
        self.assertEqual(len(result.violations), count, result.violations)
        return result.violations

    def passes(self, check, texts, **options):
        self.sees(check, texts, 0, **options)

    def test_layout(self):
        if not shutil.which(files.FORMATTER):
            self.skipTest(f"{files.FORMATTER} is not installed")
        with tempfile.TemporaryDirectory() as root:
            with open(root + "/.clang-format", "w") as file:
                file.write("BasedOnStyle: LLVM\nIndentWidth: 4\n")
            for name, text in (("good.c", "int x;\n"), ("bad.c", "int   x ;\n")):
                with open(f"{root}/{name}", "w") as file:
                    file.write(text)
            self.passes(files.check_layout, {"good.c": ""}, root=root)
            violations = self.sees(files.check_layout, {"good.c": "", "bad.c": ""}, root=root)
            self.assertTrue(violations[0].startswith("bad.c:1:"))

    def test_readmes(self):
        self.sees(files.check_readmes, {"src/a/x.c": ""})
        self.passes(files.check_readmes, {"src/a/x.c": "", "src/a/README.md": "# a\n\nWhat for.\n"})
        result = files.check_readmes(Tree({"src/a/x.c": "", "src/a/README.md": "line\n" * 40}))
        self.assertEqual(len(result.warnings), 1)

    def test_licence_lines(self):
        self.sees(files.check_licence_lines, {"a.c": "int x;\n", "b.py": "#\n# SPDX-License-Identifier: Apache-2.0\n"})

    def test_machine_paths(self):
        self.sees(files.check_machine_paths, {"docs/a.md": "see /ro" + "ot/x\n"})
        self.sees(files.check_machine_paths, {"a.c": 'open("/ho' + 'me/somebody/x")'})
        self.passes(files.check_machine_paths, {"a.c": "/usr/lib /tmp/x /root_of"})

    def test_lengths(self):
        self.sees(files.check_lengths, {"a.c": "\n" * 601})
        result = files.check_lengths(Tree({"a.c": "\n" * 500}))
        self.assertEqual((len(result.violations), len(result.warnings)), (0, 1))

    def test_soft_is_smaller(self):
        self.sees(files.check_soft_is_smaller, {"soft/a.c": "\n" * 11, "src/a.c": "\n" * 10})
        self.passes(files.check_soft_is_smaller, {"soft/a.c": "\n" * 9, "src/a.c": "\n" * 10})

    def test_arrows(self):
        self.sees(rooms.check_arrows, {"src/base/a.c": '#include "wire/conn.h"\n'})
        self.sees(rooms.check_arrows, {"soft/dnn/a.c": '#include "replay/issue.h"\n'})
        self.sees(rooms.check_arrows, {"src/seq/a.c": '#include "base/map.h"\n'})
        self.sees(rooms.check_arrows, {"src/replay/a.c": "#  include <uv.h>\n"})
        self.sees(rooms.check_arrows, {"src/cuda/a.c": "#include <zstd.h>\n"})
        self.sees(rooms.check_arrows, {"src/cuda/a.c": "#include <cuda_runtime.h>\n"})
        self.sees(rooms.check_arrows, {"server/a.c": '#include "replay/issue.h"\n'})
        self.passes(
            rooms.check_arrows,
            {
                "src/cuda/dnn/a.c": '#include "replay/issue.h"\n#include "near.h"\n#include "cuda/x.h"\n#include <string.h>\n',
                "src/cuda/dnn/near.h": "",
                "server/exec/a.c": '#include "worker.h"\n#include <uv.h>\n',
                "server/worker.h": '#include "base/buf.h"\n',
            },
        )

    def test_mode_names(self):
        self.sees(rooms.check_mode_names, {"src/cuda/a.c": 'if (!strcmp(mode, "percall"))'})
        self.passes(rooms.check_mode_names, {"src/replay/mode.c": '"percall"', "src/cuda/a.c": '// "percall"\n"the replay"'})

    def test_preload_room(self):
        for call in ("exit(1)", "abort ()", "assert(x)", 'printf("x")', "fprintf(stderr, x)", "_exit(0)"):
            self.sees(rooms.check_preload_room, {"src/cuda/a.c": f"void f(void) {{ {call}; }}"})
        self.sees(rooms.check_preload_room, {"src/base/log.c": "p = malloc(3);"})
        self.passes(
            rooms.check_preload_room,
            {
                "src/cuda/a.c": 'snprintf(a, n, "exit(1)"); /* abort() */ on_exit_do(1); x->exit(2); malloc(1);\n'
                "_Static_assert(1, \"x\");\n#pragma GCC poison exit (abort)\n",
                "src/cli/a.c": "exit(1); printf(x);",
            },
        )

    def test_glibc_floor(self):
        output = "  0x0010:   Name: GLIBC_2.2.5  Flags: none  Version: 4\n  0x0020:   Name: GLIBC_2.38  Flags: none  Version: 3\n"
        self.assertEqual(build.needed_glibc(output), (2, 38))
        self.assertGreater(build.needed_glibc(output), build.GLIBC_FLOOR)
        self.assertEqual(build.needed_glibc(""), (0,))

    def test_wanted_symbols(self):
        wanted = build.wanted_symbols({"src/api/symbols/x.tsv": "# node\tsymbol\tby\nlibx.so.1\tf\tlib\n-\tg\tlib\n", "y.tsv": "a\tb\n"})
        self.assertEqual(wanted, {("f", "libx.so.1"), ("g", "")})
        self.assertEqual(build.missing_symbols(wanted, {("f", "libx.so.1"), ("g", "")}), [])
        self.assertEqual(build.missing_symbols(wanted, {("f", ""), ("g", "node")}), [("f", "libx.so.1")])
        self.assertEqual(build.missing_symbols(wanted, {("f", "libx.so.1")}), [("g", "")])

    def test_exports_of_a_library(self):
        with tempfile.TemporaryDirectory() as root:
            library = self.library(root, "int rrto_fine(void); int rrto_fine(void){return 0;} int leaked; ")
            self.assertEqual(build.exports(library), {("rrto_fine", ""), ("leaked", "")})
            violations = self.sees(build.check_client_exports, {}, build=root)
            self.assertIn("exports leaked", violations[0])

    def library(self, root, source):
        folder = root + "/lib/rrto"
        os.makedirs(folder)
        library = folder + "/librrto-client.so"
        run = subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=source, text=True)
        self.assertEqual(run.returncode, 0)
        return library

    def test_environment_page(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(root + "/tools")
            with open(root + "/tools/environment-page", "w") as file:
                file.write("#!/bin/sh\necho page\n")
            os.chmod(root + "/tools/environment-page", 0o755)
            self.passes(build.check_environment_page, {"docs/environment.md": "page\n"}, build=root)
            self.sees(build.check_environment_page, {"docs/environment.md": "an older page\n"}, build=root)

    def test_generated_share(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(root + "/src/api")
            for status in (0, 1):
                with open(root + "/src/api/generate.py", "w") as file:
                    file.write(f"import sys\nprint('share')\nsys.exit({status})\n")
                self.sees(build.check_generated_share, {}, status, root=root)

    def test_shell_scripts(self):
        self.sees(build.check_shell_scripts, {"a": "#!/bin/sh\nif true\n"})
        self.passes(build.check_shell_scripts, {"a": "#!/bin/bash\nx=(1 2)\n", "b.py": "if true\n"})

    def test_without_a_build_checks_are_skipped_with_a_reason(self):
        for check in (build.check_glibc_floor, build.check_wanted_symbols, build.check_client_exports,
                      build.check_environment_page):
            self.assertTrue(check(Tree({})).skipped)

    def test_comments_and_strings_are_blanked_without_moving_lines(self):
        text = 'a /* b\n c */ "d /* e" // f\ng'
        self.assertEqual(without_comments(text), 'a     \n      "d /* e"     \ng')
        self.assertEqual(without_comments(text, strings=False).count("\n"), 2)
        self.assertNotIn("d", without_comments(text, strings=False))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
