# SPDX-License-Identifier: Apache-2.0
"""clang-format leaves every C and C++ file as it is."""
import subprocess

import tree

FORMATTER = "clang-format-14"


def test_files_are_formatted():
    ran = subprocess.run([FORMATTER, "--dry-run", "-Werror", *tree.c_files()], cwd=tree.ROOT, capture_output=True, text=True,
                         check=False)
    wrong = sorted({line.split(":")[0] for line in ran.stderr.splitlines() if "clang-format-violations" in line})
    assert ran.returncode == 0, f"{len(wrong)} files; {FORMATTER} -i of:\n" + "\n".join(wrong)
